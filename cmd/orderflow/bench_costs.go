package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"orderflow/internal/bench"
)

// printCosts prints what an order costs by cause, the loads side by side: round trips where there are any, and
// statements elsewhere.
func printCosts(out *output, costs []bench.Costs) error {
	what, of := "statements", func(c bench.Cost) float64 { return c.Statements }
	var causes []string
	for _, load := range costs {
		for _, c := range load.Causes {
			if c.RoundTrips > 0 {
				what, of = "round trips", func(c bench.Cost) float64 { return c.RoundTrips }
			}
			if !slices.Contains(causes, c.Cause) {
				causes = append(causes, c.Cause)
			}
		}
	}
	err := out.sayf("\n%s of an order, by cause", what)
	for i, load := range costs {
		err = errors.Join(err, out.sayf("  LOAD_%d: %s", i+1, load.Load))
	}
	rows, header := [][]any{}, "CAUSE"
	for _, cause := range causes {
		rows = append(rows, []any{cause})
	}
	for i, load := range costs {
		header += fmt.Sprintf(" LOAD_%d", i+1)
		for j, cause := range causes {
			var each float64
			if k := slices.IndexFunc(load.Causes, func(c bench.Cost) bool { return c.Cause == cause }); k >= 0 {
				each = of(load.Causes[k])
			}
			rows[j] = append(rows[j], strconv.FormatFloat(each, 'f', 2, 64))
		}
	}
	return errors.Join(err, out.sayf(""), out.table(header, rows))
}

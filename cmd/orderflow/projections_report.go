package main

import (
	"time"

	"orderflow/projections/verify"
)

// printReport prints what a comparison of the views with the events came to.
func printReport(out *output, what string, r verify.Report) error {
	err := out.sayf("%s %d orders from %d events in %s: %d different, %d missing, %d surplus, %d counts wrong, %d checkpoints beyond the head; %d lagging",
		what, r.Orders, r.Events, r.Took.Round(time.Millisecond), r.Different, r.Missing, r.Surplus, r.Counts, r.Beyond, r.Lagging)
	if err != nil || len(r.Samples) == 0 {
		return err
	}
	var rows [][]any
	for _, d := range r.Samples {
		id := ""
		if !d.OrderID.IsZero() {
			id = d.OrderID.String()
		}
		rows = append(rows, []any{id, d.Kind, d.Field, d.Stored, d.Expected})
	}
	if err := out.sayf(""); err != nil {
		return err
	}
	return out.table("ORDER WRONG FIELD STORED EXPECTED", rows)
}

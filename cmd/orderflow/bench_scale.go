package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"orderflow/domain"
	"orderflow/internal/bench"
)

// readReports reads what earlier runs printed with --json.
func readReports(paths []string) (all []bench.Report, err error) {
	for _, path := range paths {
		text, err := os.ReadFile(path) //nolint:gosec // the caller names it
		if err != nil {
			return nil, fmt.Errorf("%w: --from: %w", domain.ErrInvalid, err)
		}
		var r bench.Report
		if err := json.Unmarshal(text, &r); err != nil {
			return nil, fmt.Errorf("%w: --from: %s is no report of bench --json: %w", domain.ErrInvalid, path, err)
		}
		all = append(all, r)
	}
	return all, nil
}

// drawScale replaces a file by the chart of what some reports have of the measure scale.
func drawScale(path string, reports []bench.Report) (err error) {
	f, err := os.Create(path) //nolint:gosec // the caller names it
	if err != nil {
		return fmt.Errorf("--svg: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	m := reports[0].Machine
	return bench.WriteChart(f, fmt.Sprintf("Orders completed by nodes, %d cores in all", m.Cores), bench.Lines(reports...))
}

// printPoints prints the points of the curve side by side.
func printPoints(out *output, points []bench.Point) error {
	header, rows := []string{"FIGURE", "UNIT"}, [][]any{}
	for _, f := range points[0].Figures {
		rows = append(rows, []any{f.Name, f.Unit})
	}
	for _, p := range points {
		header = append(header, fmt.Sprintf("%d_NODES", p.Nodes))
		for i, row := range rows {
			text := ""
			if j := slices.IndexFunc(p.Figures, func(f bench.Figure) bool { return f.Name == row[0] }); j >= 0 {
				text = number(p.Figures[j].Value) + missed(p.Figures[j])
			}
			rows[i] = append(row, text)
		}
	}
	return errors.Join(out.sayf(""), out.table(strings.Join(header, " "), rows))
}

// missed says what a figure should have been that is not.
func missed(f bench.Figure) string {
	if f.Met() {
		return ""
	}
	return " (" + strings.TrimSuffix(goal(f), ": no") + ")"
}

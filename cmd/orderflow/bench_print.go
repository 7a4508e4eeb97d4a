package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"orderflow/domain"
	"orderflow/internal/bench"
)

// printBench prints the machine and a table of the figures.
func printBench(out *output, r bench.Report) error {
	m := r.Machine
	err := out.sayf("orderflow %s, %s, %s, %d cores (%s), %s", version, m.Go, m.OS, m.Cores, m.CPU, m.Database)
	if m.FileSystem != "" {
		err = errors.Join(err, out.sayf("file system: %s", m.FileSystem))
	}
	var rows [][]any
	for _, s := range r.Sections {
		for _, f := range s.Figures {
			rows = append(rows, []any{s.Measure, f.Name, number(f.Value), f.Unit, share(f.OfFloor), goal(f), spread(f.Samples)})
		}
	}
	if len(rows) > 0 {
		err = errors.Join(err, out.sayf(""), out.table("MEASURE FIGURE MEDIAN UNIT OF_FLOOR GOAL RANGE", rows))
	}
	for _, s := range r.Sections {
		if len(s.Points) > 0 {
			err = errors.Join(err, printPoints(out, s.Points))
		}
		if len(s.Costs) > 0 {
			err = errors.Join(err, printCosts(out, s.Costs))
		}
	}
	return err
}

// number is v with three digits that count, or all before the point.
func number(v float64) string {
	switch {
	case v >= 100 || v <= -100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v == float64(int64(v)):
		return strconv.FormatInt(int64(v), 10)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

// share is a share of the floor in per cent, or a multiple of it.
func share(v float64) string {
	switch {
	case v == 0:
		return ""
	case v > 2:
		return fmt.Sprintf("%.1fx", v)
	}
	return fmt.Sprintf("%.1f%%", 100*v)
}

func goal(f bench.Figure) string {
	if f.Goal == nil {
		return ""
	}
	sign, value, met := ">=", number(f.Goal.Value), "no"
	if f.Goal.AtMost {
		sign = "<="
	}
	if f.Goal.OfFloor {
		value = share(f.Goal.Value)
	}
	if f.Met() {
		met = "yes"
	}
	return sign + " " + value + ": " + met
}

// spread is the smallest and the largest sample.
func spread(samples []float64) string {
	if len(samples) < 2 {
		return ""
	}
	low, high := samples[0], samples[0]
	for _, s := range samples {
		low, high = min(low, s), max(high, s)
	}
	return number(low) + " to " + number(high)
}

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
	for _, p := range points {
		for _, f := range p.Figures {
			if !slices.ContainsFunc(rows, func(row []any) bool { return row[0] == f.Name }) { // one node alone has fewer
				rows = append(rows, []any{f.Name, f.Unit})
			}
		}
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

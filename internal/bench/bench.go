package bench

import (
	"context"
	"fmt"
	"time"
)

// measures are the functions of Measures.
var measures = map[string]func(*run, context.Context, *Section) error{
	"throughput": (*run).throughput, "latency": (*run).latency, "api": (*run).api, "projection": (*run).projection,
	"scale": (*run).scale, "stored": (*run).stored, "idle": (*run).idle, "soak": (*run).soak, "cost": (*run).cost, networkMeasure: (*run).network,
}

// Run measures. What it reports is whole up to the measure that failed, if one did.
func Run(ctx context.Context, c Config) (report Report, err error) {
	report.Sections = []Section{}
	if c.Progress == nil {
		c.Progress = func(string, ...any) {}
	}
	r := &run{Config: c}
	if r.scratch, err = newScratch(ctx, c.Server, c.Dir); err != nil {
		return report, err
	}
	defer func() {
		if rerr := r.scratch.remove(); err == nil {
			err = rerr
		}
	}()
	if report.Machine, err = machineOf(ctx, r.scratch); err != nil {
		return report, err
	}
	r.database = report.Machine.Database
	if (r.wanted("stored") || r.wanted("soak")) && exists(c.Store) { // said now, and not after all other measures
		if err := madeHere(ctx, c.Store); err != nil {
			return report, err
		}
	}
	for _, name := range Measures() {
		if !r.wanted(name) {
			continue
		}
		s := Section{Measure: name}
		begun := time.Now()
		if err := measures[name](r, ctx, &s); err != nil {
			return report, fmt.Errorf("measure %s: %w", name, err)
		}
		s.Took = time.Since(begun)
		report.Sections = append(report.Sections, s)
	}
	return report, nil
}

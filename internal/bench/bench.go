package bench

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// measure is one of the things that can be measured.
type measure struct {
	name string
	run  func(*run, context.Context, *Section) error
}

var measures = []measure{
	{"throughput", (*run).throughput},
	{"latency", (*run).latency},
	{"api", (*run).api},
	{"projection", (*run).projection},
	{"scale", (*run).scale},
	{"stored", (*run).stored},
	{"idle", (*run).idle},
	{"soak", (*run).soak},
}

// Measures are the names of what can be measured, in the order in which it is.
func Measures() []string {
	var names []string
	for _, m := range measures {
		names = append(names, m.name)
	}
	return names
}

// Report is all that was measured.
type Report struct {
	Machine  Machine   `json:"machine"`
	Sections []Section `json:"sections"`
}

// run is one run of the benchmark.
type run struct {
	Config
	scratch  *scratch
	database string // Machine.Database
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
	if report.Machine, err = r.machine(ctx); err != nil {
		return report, err
	}
	r.database = report.Machine.Database
	if (r.wanted("stored") || r.wanted("soak")) && exists(c.Store) { // said now, and not after all other measures
		if err := r.madeHere(ctx, c.Store); err != nil {
			return report, err
		}
	}
	for _, m := range measures {
		if !r.wanted(m.name) {
			continue
		}
		s := Section{Measure: m.name}
		begun := time.Now()
		if err := m.run(r, ctx, &s); err != nil {
			return report, fmt.Errorf("measure %s: %w", m.name, err)
		}
		s.Took = time.Since(begun)
		report.Sections = append(report.Sections, s)
	}
	return report, nil
}

func (r *run) wanted(measure string) bool {
	return len(r.Only) == 0 || slices.Contains(r.Only, measure)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"orderflow/cmd/orderflow/node"
	"orderflow/internal/bench"
)

// benchCmd measures the system.
type benchCmd struct {
	jsonFlag
	bench.Config
	Quiet bool     `help:"Do not show the progress on standard error."`
	SVG   string   `name:"svg" placeholder:"FILE" help:"Draw the curve of the measure scale." group:"Scale:"`
	From  []string `placeholder:"REPORT" help:"Reports of earlier runs (--json) on this machine: points they have are not measured again, and curves of other databases are drawn too." group:"Scale:"`
	benchProfiles
}

func (benchCmd) Help() string {
	return `Measures the system on this machine, on fresh databases, with the wiring of "serve" and steps that take no time, and in
turns with it the floor: raw inserts of the rows of the same events. Prints medians, and shares of the floor. Nothing else
should run meanwhile.

Measures: ` + strings.Join(bench.Measures(), ", ") + `.

Examples:

    orderflow bench --only throughput,latency,api
    orderflow bench --only throughput --orders 20000 --repeat 5 --cpuprofile cpu.pprof
    orderflow bench --only scale --nodes 1,2,4,8,16 --repeat 1 --svg scale.svg`
}

// Run measures and prints.
func (c *benchCmd) Run(ctx context.Context, out *output) (err error) {
	node.TuneCollector()
	stop, err := c.benchProfiles.start()
	if err != nil {
		return err
	}
	if c.Earlier, err = readReports(c.From); err != nil {
		return errors.Join(err, stop())
	}
	nodes := benchNodes{out: out}
	c.Start, c.Spawn, c.Progress = nodes.start, nodes.spawn, c.progress(out)
	report, err := bench.Run(ctx, c.Config)
	if err = errors.Join(err, stop()); err != nil {
		err = fmt.Errorf("bench: %w", err)
	}
	if report.Machine.Go == "" {
		return err // it failed before anything was measured
	}
	// What was measured before it failed is not lost.
	if err == nil && c.SVG != "" {
		err = drawScale(c.SVG, append([]bench.Report{report}, c.Earlier...))
	}
	if c.JSON {
		return errors.Join(err, out.json(report))
	}
	return errors.Join(err, printBench(out, report))
}

// progress prints what is being done, with the time since the start.
func (c *benchCmd) progress(out *output) func(string, ...any) {
	if c.Quiet {
		return nil
	}
	begun := time.Now()
	return func(format string, args ...any) {
		out.notef("%6.1fs  %s", time.Since(begun).Seconds(), fmt.Sprintf(format, args...))
	}
}

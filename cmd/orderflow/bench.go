package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"orderflow/cmd/orderflow/node"
	"orderflow/internal/bench"
	"orderflow/schema"
)

// benchCmd measures the system.
type benchCmd struct {
	jsonFlag
	DSN   string   `name:"dsn" env:"ORDERFLOW_BENCH_DSN" placeholder:"DSN" help:"Measure on this SQL Server (sqlserver://user:password@host:port), in databases made and dropped there. Default: SQLite." group:"Where:"`
	Dir   string   `default:"." placeholder:"FOLDER" help:"Where the SQLite files are made, in a folder of their own that is removed. Default: the current folder." group:"Where:"`
	Only  []string `placeholder:"MEASURE" help:"Measure only these, of those named below. Default: all." group:"What:"`
	Quiet bool     `help:"Do not show the progress on standard error."`

	Orders  int  `default:"5000" help:"Orders of one run of a measure." group:"What:"`
	WarmUp  int  `default:"500" help:"Orders before those that are measured." group:"What:"`
	Repeat  int  `default:"3" help:"Runs of each measure; the median is reported." group:"What:"`
	Clients int  `default:"64" help:"Concurrent callers." group:"What:"`
	Workers int  `default:"50" help:"Workers of each node." group:"What:"`
	HTTP    bool `name:"http" help:"Orders are placed over HTTP on the loopback. Otherwise the API's placer is called, and the cost of HTTP is not included (but for the measure api)." group:"What:"`

	Rate        float64 `default:"5" help:"Orders a second at light load." group:"Light load:"`
	LightOrders int     `default:"100" help:"Orders at light load." group:"Light load:"`

	SeedOrders int    `default:"100000" help:"Orders to generate for the measure stored." group:"Many orders:"`
	Store      string `placeholder:"FILE" help:"SQLite file of stored orders that is kept: made if it is not there, used again if it is, and added to if it has fewer than --seed-orders. One that was not made by this command is refused." group:"Many orders:"`

	Nodes        []int         `default:"1,2,4" help:"Numbers of nodes to measure, each a process." group:"Scale:"`
	StepDuration time.Duration `default:"5s" help:"Duration of steps." group:"Scale:"`
	Rounds       int           `default:"4" help:"How many steps of each worker are watched, once all have work." group:"Scale:"`
	SVG          string        `name:"svg" placeholder:"FILE" help:"Draw the curve of the measure scale." group:"Scale:"`
	From         []string      `placeholder:"REPORT" help:"Reports of earlier runs (--json) on this machine: points they have are not measured again, and curves of other databases are drawn too." group:"Scale:"`

	Window time.Duration `default:"10s" help:"How long idling is watched." group:"Idling:"`

	Soak     time.Duration `default:"2m" help:"How long a node is kept under steady load, with retention at work." group:"Soaking:"`
	SoakRate float64       `default:"50" help:"Orders a second meanwhile." group:"Soaking:"`

	benchProfiles
}

// maxBenchNodes bounds the processes that are started.
const maxBenchNodes = 64

// Help is the long help.
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

// Validate says everything that is wrong with the configuration at once.
func (c *benchCmd) Validate() error {
	var errs []error
	for _, m := range c.Only {
		if !slices.Contains(bench.Measures(), m) {
			errs = append(errs, fmt.Errorf("--only has %q: give some of %s", m, strings.Join(bench.Measures(), ",")))
		}
	}
	for _, f := range []struct {
		flag         string
		value, least int
	}{
		{"--orders", c.Orders, 1}, {"--warm-up", c.WarmUp, 0}, {"--repeat", c.Repeat, 1}, {"--clients", c.Clients, 1},
		{"--workers", c.Workers, 1}, {"--light-orders", c.LightOrders, 1}, {"--seed-orders", c.SeedOrders, 1}, {"--rounds", c.Rounds, 1},
		{"--nodes", slices.Min(append(slices.Clone(c.Nodes), maxBenchNodes)), 1},
	} {
		if f.value < f.least {
			errs = append(errs, fmt.Errorf("%s is %d: give at least %d", f.flag, f.value, f.least))
		}
	}
	if c.Workers > node.MaxWorkers {
		errs = append(errs, fmt.Errorf("--workers is %d: give %d at most", c.Workers, node.MaxWorkers))
	}
	if slices.Max(append(slices.Clone(c.Nodes), 0)) > maxBenchNodes {
		errs = append(errs, fmt.Errorf("--nodes is %v: give %d at most", c.Nodes, maxBenchNodes))
	}
	if c.StepDuration < time.Millisecond || c.Window < time.Second || c.Soak < time.Second {
		errs = append(errs, fmt.Errorf("--step-duration is %s, --window %s, --soak %s: give at least 1ms, 1s and 1s", c.StepDuration, c.Window, c.Soak))
	}
	for flag, rate := range map[string]float64{"--rate": c.Rate, "--soak-rate": c.SoakRate} {
		if !(rate >= 0.1 && rate <= 10000) { // written so that NaN is refused
			errs = append(errs, fmt.Errorf("%s is %v: give 0.1 to 10000 orders a second", flag, rate))
		}
	}
	return errors.Join(append(errs, c.validatePlace())...)
}

func (c *benchCmd) validatePlace() error {
	if d, err := schema.ParseDSN(c.Store); c.Store != "" && (err != nil || d.Path != c.Store) {
		return fmt.Errorf("--store is %q: give the path of a file", c.Store)
	}
	if c.DSN != "" {
		d, err := schema.ParseDSN(c.DSN)
		switch {
		case err != nil:
			return fmt.Errorf("--dsn: %w", err)
		case c.Store != "":
			return errors.New("--store is a SQLite file: leave out --dsn")
		case d.URL == nil:
			return errors.New("--dsn is for sqlserver://...: SQLite files are made in --dir, so that no database with orders is measured on")
		}
	}
	if info, err := os.Stat(c.Dir); err != nil || !info.IsDir() {
		return fmt.Errorf("--dir is %q: give a folder that is there", c.Dir)
	}
	return nil
}

// Run measures and prints.
func (c *benchCmd) Run(ctx context.Context, out *output) (err error) {
	node.TuneCollector()
	stop, err := c.benchProfiles.start()
	if err != nil {
		return err
	}
	earlier, err := readReports(c.From)
	if err != nil {
		return errors.Join(err, stop())
	}
	nodes := benchNodes{out: out}
	report, err := bench.Run(ctx, bench.Config{
		Start: nodes.start, Spawn: nodes.spawn, Server: c.DSN, Dir: c.Dir,
		Only: c.Only, Orders: c.Orders, WarmUp: c.WarmUp, Repeat: c.Repeat, Clients: c.Clients, Workers: c.Workers, HTTP: c.HTTP,
		Rate: c.Rate, LightOrders: c.LightOrders, SeedOrders: c.SeedOrders, Store: c.Store,
		StepDuration: c.StepDuration, Rounds: c.Rounds, Nodes: c.Nodes, Earlier: earlier, Window: c.Window, Soak: c.Soak, SoakRate: c.SoakRate,
		Progress: c.progress(out),
	})
	if err = errors.Join(err, stop()); err != nil {
		err = fmt.Errorf("bench: %w", err)
	}
	if report.Machine.Go == "" {
		return err // it failed before anything was measured
	}
	// What was measured before it failed is not lost.
	if err == nil && c.SVG != "" {
		err = drawScale(c.SVG, append([]bench.Report{report}, earlier...))
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

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"orderflow/internal/chaos/cluster"
	"orderflow/internal/chaos/harness"
	"orderflow/internal/chaos/schedule"
)

func main() { os.Exit(execute()) }

// promised is within what time the work of a lost node is taken up.
const promised = 10 * time.Second

func execute() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	conf := harness.Config{Logf: func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }}
	flag.Uint64Var(&conf.Seed, "seed", 0, "seed of the schedule; 0: the time")
	flag.IntVar(&conf.Faults, "faults", 200, "how many faults")
	flag.IntVar(&conf.Nodes, "nodes", 5, "how many nodes, 3 at least")
	flag.Float64Var(&conf.Rate, "rate", 10, "orders a second")
	flag.Float64Var(&conf.Cancel, "cancel", 0.15, "share of the orders that operators cancel; half of these at once, and half of them are placed anew")
	flag.DurationVar(&conf.Gap, "gap", 1500*time.Millisecond, "mean time between faults")
	flag.StringVar(&conf.DSN, "dsn", "", "database; empty: a new SQLite file; on a SQL Server, one is made for the run, and kept as the evidence is")
	flag.StringVar(&conf.Dir, "dir", "", "folder for the evidence, which is then kept; empty: a temporary one, kept on a violation")
	flag.DurationVar(&conf.Step, "step", 100*time.Millisecond, "how long a step takes on the quickest node")
	flag.DurationVar(&conf.Lease, "lease", 2*time.Second, "how long leases outlive a heartbeat; pauses and silence take 0.7 to 2.5 times as long")
	flag.DurationVar(&conf.TakeOver, "take-over", promised, "how long the work of a lost node may lie; 0: what took longer is told and is no violation, for machines that are busy otherwise")
	flag.DurationVar(&conf.Settle, "settle", 90*time.Second, "how long the system may take to end all work once everything is healed")
	only := flag.String("only", "", "these kinds of fault alone, with commas between them")
	flag.Parse()
	if conf.Seed == 0 {
		conf.Seed = uint64(time.Now().UnixNano())
	}
	if conf.Nodes < 3 || flag.NArg() > 0 {
		flag.Usage()
		return 2
	}
	for k := range strings.SplitSeq(*only, ",") {
		if k != "" {
			conf.Only = append(conf.Only, schedule.Kind(k))
		}
	}
	broken, err := run(ctx, conf)
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "chaos:", err)
		return 1
	case broken:
		return 1
	}
	return 0
}

func run(ctx context.Context, conf harness.Config) (broken bool, err error) {
	kept := conf.Dir != ""
	if !kept {
		if conf.Dir, err = os.MkdirTemp("", "orderflow-chaos-"); err != nil {
			return false, err
		}
	} else if err := os.MkdirAll(conf.Dir, 0o700); err != nil {
		return false, err
	}
	binaries, err := os.MkdirTemp("", "orderflow-chaos-bin-")
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(binaries)) }()
	if conf.Binary, err = cluster.Build(ctx, ".", binaries); err != nil {
		return false, err
	}
	drop := func() error { return nil }
	if strings.HasPrefix(conf.DSN, "sqlserver:") {
		if drop, err = freshDatabase(ctx, &conf); err != nil {
			return false, err
		}
		stop, err := throughProxies(&conf)
		defer stop()
		if err != nil {
			return false, err
		}
	}
	fmt.Printf("seed %d, %d faults, %d nodes, %.0f orders a second\n", conf.Seed, conf.Faults, conf.Nodes, conf.Rate)
	result, err := harness.Run(ctx, conf)
	if err != nil {
		return false, fmt.Errorf("%w (evidence in %s%s)", err, conf.Dir, onTheServer(conf))
	}
	tell(result)
	if broken = len(result.Violations) > 0; broken || kept {
		fmt.Printf("evidence: %s%s\n", filepath.Clean(conf.Dir), onTheServer(conf))
		return broken, nil
	}
	return false, errors.Join(os.RemoveAll(conf.Dir), drop())
}

// most is how many violations are printed.
const most = 40

func tell(r harness.Result) {
	tw := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	row := func(name string, value any) { _, _ = fmt.Fprintf(tw, "%s\t%v\n", name, value) } // what cannot be printed has nowhere to be told
	for _, k := range slices.Sorted(maps.Keys(r.Done)) {
		row("faults: "+string(k), r.Done[k])
	}
	row("faults", r.Total())
	row("crash points that killed", len(r.Points))
	row("crash points not passed in time", r.Missed)
	row("orders accepted", r.Accepted)
	row("orders in the log", fmt.Sprintf("%d %v", r.Orders, r.Status))
	row("events", r.Events)
	row("calls of executors", r.Calls)
	row("answers by status (0: none)", r.Answers)
	row("answers to operators", r.Levers)
	row("answer 202, p50 and p99", r.Latency)
	row("taken over", len(r.TakeOvers))
	row("take-over p50, p99, max", fmt.Sprint(r.TakeOver(0.5).Round(time.Millisecond), " ", r.TakeOver(0.99).Round(time.Millisecond), " ", r.TakeOver(1).Round(time.Millisecond)))
	row("taken over later than "+promised.String(), r.Later(promised))
	row("longest that an order lay still", r.Longest.Round(time.Millisecond))
	row("took", r.Took.Round(time.Second))
	row("violations", fmt.Sprintf("%d %v", len(r.Violations), r.Kinds()))
	_ = tw.Flush()
	for _, v := range r.Violations[:min(len(r.Violations), most)] {
		fmt.Println(v)
	}
	if more := len(r.Violations) - most; more > 0 {
		fmt.Printf("and %d more\n", more)
	}
	fmt.Printf("seed %d\n", r.Seed)
}

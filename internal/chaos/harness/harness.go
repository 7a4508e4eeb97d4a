package harness

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"orderflow/internal/chaos/cluster"
	"orderflow/internal/chaos/judge"
	"orderflow/internal/chaos/load"
	"orderflow/internal/chaos/schedule"
	"orderflow/internal/crashpoint"
)

// Run runs one schedule. An error is the harness's own; what is wrong with the system
// is in the result.
func Run(ctx context.Context, conf Config) (_ Result, err error) {
	r := &run{Config: conf, busy: map[*cluster.Node]bool{}}
	r.result = Result{Seed: conf.Seed, Done: map[schedule.Kind]int{}, Missed: map[string]int{}, Points: map[string]int{}}
	began := time.Now()
	defer func() { err = errors.Join(err, r.close()) }()
	if err := r.prepare(ctx); err != nil {
		return r.result, err
	}
	loading, stopLoad := context.WithCancel(ctx)
	defer stopLoad()
	var customers sync.WaitGroup
	customers.Go(func() { r.load.Run(loading) })
	r.disturb(ctx)
	r.heal()
	stopLoad()
	customers.Wait()
	r.settle(ctx)
	r.drainAll()
	if err := r.judge(ctx); err != nil {
		return r.result, err
	}
	r.result.Took = time.Since(began)
	return r.result, ctx.Err()
}

func (r *run) prepare(ctx context.Context) (err error) {
	if r.DSN == "" {
		folder := filepath.Join(r.Dir, "db")
		if r.disk, err = newDisk(ctx, folder, 256+r.Faults); err != nil {
			r.Logf("THE DISK IS NOT FILLED in this run: %v", err)
		}
		r.DSN = filepath.Join(folder, "orders.db")
	}
	r.cluster, err = cluster.New(cluster.Config{
		Binary: r.Binary, Dir: r.Dir, DSN: r.DSN, DSNs: r.DSNs, Nodes: r.Nodes, Flags: r.flags(),
		FlagsOf: func(i int) []string {
			return []string{"--step-duration", fmt.Sprint(r.Step + time.Duration(40*i)*time.Millisecond)}
		},
	})
	if err != nil {
		return err
	}
	r.load, err = load.New(load.Config{
		Rate: r.Rate, Targets: r.targets, Out: filepath.Join(r.Dir, "accepted.jsonl"), Prefix: fmt.Sprint("seed-", r.Seed),
		Together:  3,
		Operators: load.Operators{Cancel: r.Cancel, Seed: r.Seed, Within: 8 * r.Step, Admins: r.admins},
		Detail:    func(i int) string { return fmt.Sprintf(`{"sku":"A-%d","price":12.30,"note":"<ä>"}`, i) },
	})
	if err != nil {
		return err
	}
	for _, n := range r.cluster.Nodes {
		if err := n.Start(); err != nil {
			return err
		}
	}
	for _, n := range r.cluster.Nodes { // faults in a cluster that is not there yet would show nothing
		if err := n.AwaitReady(ctx, readyWait); err != nil {
			return err
		}
	}
	if r.db, err = judge.Connect(r.DSN); err != nil {
		return err
	}
	return r.db.PingContext(ctx)
}

func (r *run) targets() []string {
	var all []string
	for _, n := range r.cluster.Up() {
		all = append(all, n.API())
	}
	return all
}

func (r *run) admins() []string {
	var all []string
	for _, n := range r.cluster.Up() {
		all = append(all, n.Admin())
	}
	return all
}

// disturb does what the schedule says.
func (r *run) disturb(ctx context.Context) {
	shares := schedule.SQLServer()
	if r.sqlite() {
		shares = schedule.SQLite(r.disk != nil)
	}
	if len(r.Only) > 0 {
		maps.DeleteFunc(shares, func(k schedule.Kind, _ int) bool { return !slices.Contains(r.Only, k) })
	}
	faults := schedule.New(r.Seed, schedule.Config{
		Faults: r.Faults, Nodes: r.Nodes, Shares: shares, Points: crashpoint.Names(), Lease: r.Lease, Gap: r.Gap,
	})
	var under sync.WaitGroup
	for i, f := range faults {
		if !sleep(ctx, f.After) {
			break
		}
		n := r.take(ctx, f)
		if n == nil {
			break
		}
		if i%25 == 0 {
			r.Logf("fault %d of %d, %d answers 202", i, len(faults), len(r.load.Accepted()))
		}
		under.Go(func() {
			defer r.giveBack(n)
			r.apply(ctx, f, n)
		})
	}
	under.Wait()
}

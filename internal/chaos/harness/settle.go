package harness

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"orderflow/internal/chaos/judge"
)

// heal starts what is down. Every fault has healed its own node; this is for those that
// could not.
func (r *run) heal() {
	for _, n := range r.cluster.Nodes {
		if n.Up() {
			continue
		}
		n.Kill()
		if err := n.Start(); err != nil {
			r.foundf("start", "node %s: %v", n.Name, err)
		}
	}
}

// settle waits until there is nothing left to do.
func (r *run) settle(ctx context.Context) {
	deadline := time.Now().Add(r.Settle)
	var left map[string]int
	for sleep(ctx, 200*time.Millisecond) {
		var err error
		if left, err = judge.Left(ctx, r.db); err == nil && len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			r.foundf("lost", "after %s there is still work: %v (%v)", r.Settle, left, err)
			return
		}
	}
}

// drainAll stops all nodes at once; each must exit 0.
func (r *run) drainAll() {
	for _, n := range r.cluster.Nodes {
		n.Terminate()
	}
	for _, n := range r.cluster.Nodes {
		if !n.Gone(drainWait) {
			r.foundf("drain", "node %s has not drained within %s", n.Name, drainWait)
			n.Kill()
		}
	}
}

// judge reads the evidence and has it judged.
func (r *run) judge(ctx context.Context) error {
	d, err := judge.ReadDatabase(ctx, r.db)
	if err != nil {
		return err
	}
	lines, err := judge.ReadLines[judge.Call](r.cluster.Calls())
	if err != nil {
		return err
	}
	e := judge.Evidence{Accepted: r.load.Accepted(), Calls: judge.Pair(lines), Incidents: r.cluster.Incidents(), Database: d}
	r.result.Report = judge.Judge(e, judge.Config{TakeOver: r.TakeOver})
	for point, n := range r.result.Missed {
		if n >= 3 && r.result.Points[point] == 0 {
			r.foundf("harness", "the crash point %s was armed %d times and nobody passed it", point, n)
		}
	}
	for _, what := range r.cluster.Surprises() {
		r.foundf("process", "%s", what)
	}
	for _, what := range r.load.Wrong() {
		r.foundf("answer", "%s", what)
	}
	r.result.Violations = append(r.wrong, r.result.Violations...)
	ids := map[string]bool{}
	for _, a := range e.Accepted {
		ids[a.ID] = true
	}
	r.result.Accepted, r.result.Answers = len(ids), r.load.Answers()
	r.result.Levers = r.load.Levers()
	r.result.Latency = [2]time.Duration{r.load.Latency(0.5), r.load.Latency(0.99)}
	return nil
}

func (r *run) close() (err error) {
	if r.cluster != nil {
		err = r.cluster.Close()
	}
	if r.db != nil {
		err = errors.Join(err, r.db.Close())
	}
	if r.disk != nil {
		if kerr := r.disk.keep(filepath.Join(r.Dir, "database")); kerr != nil {
			err = errors.Join(err, fmt.Errorf("keep the database: %w", kerr))
		}
	}
	return err
}

// Total is how many faults took effect.
func (r *Result) Total() (n int) {
	for _, k := range r.Done {
		n += k
	}
	return n
}

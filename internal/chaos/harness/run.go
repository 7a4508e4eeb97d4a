package harness

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"time"

	"orderflow/internal/chaos/cluster"
	"orderflow/internal/chaos/judge"
	"orderflow/internal/chaos/load"
	"orderflow/internal/chaos/schedule"
)

// Result is what came of a run.
type Result struct {
	judge.Report
	Seed     uint64
	Done     map[schedule.Kind]int // faults that took effect
	Missed   map[string]int        // crash points that nobody passed in time
	Points   map[string]int        // crash points that killed
	Accepted int                   // orders
	Answers  map[int]int
	Levers   map[string]int   // answers to operators
	Latency  [2]time.Duration // p50 and p99 of an answer 202
	Took     time.Duration
}

// run is one run under way.
type run struct {
	Config
	cluster *cluster.Cluster
	load    *load.Load
	db      *sql.DB // the harness's own connection
	disk    *disk   // nil if the disk cannot be filled

	file sync.Mutex // held by what needs the SQLite file, and by who stops a process

	mu     sync.Mutex
	busy   map[*cluster.Node]bool // a fault is under way there
	result Result
	wrong  []judge.Violation
}

func (r *run) sqlite() bool { return !strings.HasPrefix(r.DSN, "sqlserver:") }

// take waits until a fault may begin, and gives the node that it is to hit.
func (r *run) take(ctx context.Context, f schedule.Fault) *cluster.Node {
	for {
		r.mu.Lock()
		if r.Nodes-len(r.busy) > spare {
			for i := range r.cluster.Nodes {
				n := r.cluster.Nodes[(f.Node+i)%len(r.cluster.Nodes)]
				if !r.busy[n] {
					r.busy[n] = true
					r.mu.Unlock()
					return n
				}
			}
		}
		r.mu.Unlock()
		if !sleep(ctx, 20*time.Millisecond) {
			return nil
		}
	}
}

// claim takes a node that no fault is under way on.
func (r *run) claim(n *cluster.Node) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.busy[n] {
		return false
	}
	r.busy[n] = true
	return true
}

func (r *run) giveBack(n *cluster.Node) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.busy, n)
}

// others are the nodes that no fault is under way on.
func (r *run) others() []*cluster.Node {
	r.mu.Lock()
	defer r.mu.Unlock()
	var whole []*cluster.Node
	for _, n := range r.cluster.Nodes {
		if !r.busy[n] && n.Up() {
			whole = append(whole, n)
		}
	}
	return whole
}

// did counts a fault that took effect.
func (r *run) did(k schedule.Kind) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.Done[k]++
}

func (r *run) foundf(kind, format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wrong = append(r.wrong, judge.Violation{Kind: kind, What: fmt.Sprintf(format, args...)})
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

package scenarios

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"orderflow/internal/chaos/cluster"
	"orderflow/internal/chaos/judge"
	"orderflow/internal/chaos/load"
)

var binaries string // folder of what was built

func TestMain(m *testing.M) {
	var err error
	if binaries, err = os.MkdirTemp("", "orderflow-scenarios-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(binaries)
	os.Exit(code)
}

var build = sync.OnceValues(func() (string, error) { return cluster.Build(context.Background(), "../../..", binaries) })

// scene is a cluster, its customers and its database.
type scene struct {
	*cluster.Cluster
	t      *testing.T
	dir    string
	dsn    string
	binary string
	db     *sql.DB
	load   *load.Load
	stop   func() // ends the load and waits for it
}

// begin makes a cluster of nodes that have not been started.
func begin(t *testing.T, nodes int, flags ...string) *scene {
	t.Helper()
	if os.Getenv("ORDERFLOW_TEST_LONG") == "" {
		t.Skip("SKIPPED: it takes long. Set ORDERFLOW_TEST_LONG=1")
	}
	binary, err := build()
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{t: t, dir: t.TempDir(), binary: binary, stop: func() {}}
	s.dsn = filepath.Join(s.dir, "orders.db")
	s.Cluster, err = cluster.New(cluster.Config{Binary: binary, Dir: s.dir, DSN: s.dsn, Nodes: nodes, Flags: append(flags, "--log-level", "warn")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			s.tellLogs()
		}
		_ = s.Close()
	})
	return s
}

func (s *scene) start(nodes ...int) {
	s.t.Helper()
	for _, i := range nodes {
		if err := s.Nodes[i].Start(); err != nil {
			s.t.Fatal(err)
		}
	}
	if s.db == nil {
		var err error
		if s.db, err = judge.Connect(s.dsn); err != nil {
			s.t.Fatal(err)
		}
		s.t.Cleanup(func() { _ = s.db.Close() })
	}
}

// customers begin to place orders at a rate.
func (s *scene) customers(prefix string, rate float64) *load.Load {
	s.t.Helper()
	l, err := load.New(load.Config{
		Rate: rate, Out: filepath.Join(s.dir, "accepted.jsonl"), Prefix: prefix,
		Targets: func() (all []string) {
			for _, n := range s.Up() {
				all = append(all, n.API())
			}
			return all
		},
		Detail: func(i int) string { return fmt.Sprintf(`{"n":%d}`, i) },
	})
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { l.Run(ctx) })
	s.load = l
	s.stop = sync.OnceFunc(func() { cancel(); done.Wait() })
	s.t.Cleanup(s.stop)
	return l
}

// settle waits until nothing is left to do, drains all nodes and has the judge look.
func (s *scene) settle(accepted []judge.Accepted) judge.Report {
	s.t.Helper()
	s.stop()
	s.eventually(func() (bool, string) {
		left, err := judge.Left(s.t.Context(), s.db)
		return err == nil && len(left) == 0, fmt.Sprintf("work is left: %v (%v)", left, err)
	})
	for _, n := range s.Up() {
		n.Terminate()
	}
	for _, n := range s.Nodes {
		if !n.Gone(patience) {
			s.t.Errorf("node %s does not drain", n.Name)
		}
	}
	d, err := judge.ReadDatabase(s.t.Context(), s.db)
	if err != nil {
		s.t.Fatal(err)
	}
	e := judge.Evidence{Accepted: accepted, Calls: s.calls(), Incidents: s.Incidents(), Database: d}
	r := judge.Judge(e, judge.Config{TakeOver: 10 * time.Second})
	for _, v := range r.Violations {
		s.t.Error(v)
	}
	return r
}

// untilCalled waits until executors have been called n times more, by processes that are given or by any.
func (s *scene) untilCalled(n int, by ...int) (calls []judge.Call) {
	s.t.Helper()
	before := len(s.callsBy(by...))
	s.eventually(func() (bool, string) {
		calls = s.callsBy(by...)
		return len(calls) >= before+n, fmt.Sprintf("executors were called %d times more, want %d", len(calls)-before, n)
	})
	return calls
}

// callsBy are the calls of the executors of some processes so far, or of all.
func (s *scene) callsBy(pids ...int) []judge.Call {
	s.t.Helper()
	return slices.DeleteFunc(s.calls(), func(c judge.Call) bool { return len(pids) > 0 && !slices.Contains(pids, c.PID) })
}

// drain has a node drain, and gives how long it took.
func (s *scene) drain(n *cluster.Node) time.Duration {
	s.t.Helper()
	began := time.Now()
	n.Terminate()
	if !n.Gone(patience) {
		s.t.Errorf("node %s does not drain", n.Name)
	}
	return time.Since(began)
}

// calls are those of the executors so far.
func (s *scene) calls() []judge.Call {
	s.t.Helper()
	lines, err := judge.ReadLines[judge.Call](s.Calls())
	if err != nil {
		s.t.Fatal(err)
	}
	return judge.Pair(lines)
}

// patience is how long anything may take on a busy machine before it counts as not happening.
const patience = 2 * time.Minute

// eventually asks until the answer is yes. When patience ends, it fails the test with what was said last.
func (s *scene) eventually(ask func() (done bool, last string)) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		done, last := ask()
		if done {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("not within %s: %s", patience, last)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (s *scene) tellLogs() {
	for _, n := range s.Nodes {
		text, err := os.ReadFile(filepath.Join(s.dir, n.Name+".log"))
		if err == nil {
			s.t.Logf("log of node %s:\n%s", n.Name, text[max(0, len(text)-3000):])
		}
	}
}

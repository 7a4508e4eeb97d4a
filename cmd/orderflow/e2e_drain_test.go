package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"orderflow/schema"

	"orderflow/internal/process"
)

// TestE2E_Drain stops a node with steps running, by a signal and by its admin interface.
func TestE2E_Drain(t *testing.T) {
	for name, stop := range map[string]func(*spawned){
		"SIGTERM": func(p *spawned) { p.signal(syscall.SIGTERM) },
		"SIGHUP":  func(p *spawned) { p.signal(syscall.SIGHUP) }, // without a token file
		"several": func(p *spawned) { // as supervisors do that signal the group too
			p.signal(syscall.SIGTERM)
			p.signal(syscall.SIGINT)
			p.signal(syscall.SIGTERM)
		},
		"command": func(p *spawned) {
			if status, _, body := p.admin().call(http.MethodPost, "/command/stop", ""); status != http.StatusAccepted {
				p.t.Errorf("POST /command/stop: %d %s", status, body)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "SIGHUP" && signal.Ignored(syscall.SIGHUP) {
				t.Skip("SKIPPED: whoever runs the tests ignores SIGHUP (nohup), and so does the node")
			}
			db := filepath.Join(t.TempDir(), "orders.db")
			p := start(t, db, "--step-duration", "5s", "--step-failure-rate", "0", "--workers", "10")
			placed := p.api().place(15)
			p.untilBegun(10)
			stop(p)
			eventually(t, func() (bool, string) {
				status, _, body := p.admin().call(http.MethodGet, "/readyz", "")
				return status == http.StatusServiceUnavailable, fmt.Sprintf("a node that drains says it is ready: %d %s", status, body)
			})
			if got := p.stat().State; got != "draining" {
				t.Errorf("the state is %q, want draining", got)
			}
			p.api().get("/v1/orders/"+placed[0].id, nil)
			if code := p.wait(); code != exitDone {
				t.Errorf("exit code %d, want 0", code)
			}
			checkDrained(t, db, p.Node)
			if said := map[string]string{"SIGTERM": "signal=terminated", "command": `remote="127.0.0.1:`}[name]; !strings.Contains(p.Log(), said) {
				t.Errorf("the log does not say who stopped the node (%s):\n%s", said, p.Log())
			}
			must(t, "check", "--dsn", db)
		})
	}
}

// untilBegun waits until n orders have had their first step started: a slot is busy from the
// claim on, and what has not been started when a node begins to drain is handed back.
func (p *spawned) untilBegun(n int64) {
	p.t.Helper()
	eventually(p.t, func() (bool, string) {
		begun := int64(0) // some may be further by the time that a busy machine has counted them
		for status, count := range p.stat().Orders {
			if status != "Pending" {
				begun += count
			}
		}
		return begun >= n, fmt.Sprintf("%d orders have begun, want %d", begun, n)
	})
}

// checkDrained says whether every step that had started has completed, and nothing is
// left in the node's name.
func checkDrained(t *testing.T, path, node string) {
	t.Helper()
	db, err := schema.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	count := func(query string, args ...any) (n int) {
		if err := db.QueryRowContext(t.Context(), query, args...).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	started, completed := count(`SELECT COUNT(*) FROM events WHERE type = 'StepStarted'`), count(`SELECT COUNT(*) FROM events WHERE type = 'StepCompleted'`)
	if started != completed || started == 0 {
		t.Errorf("%d steps have started and %d completed, want as many, and some", started, completed)
	}
	if n := count(`SELECT COUNT(*) FROM events WHERE type = 'StepInterrupted'`); n != 0 {
		t.Errorf("%d steps were interrupted, want none", n)
	}
	if n := count(`SELECT COUNT(*) FROM inflight WHERE node = ?1`, node); n != 0 {
		t.Errorf("the node that has stopped still holds %d messages", n)
	}
	if n := count(`SELECT COUNT(*) FROM nodes WHERE node = ?1 AND state = 'stopped'`, node); n != 1 {
		t.Errorf("the register does not say that the node has stopped")
	}
}

// TestE2E_DrainTimeout cuts short what takes too long, and leaves it to others at once.
func TestE2E_DrainTimeout(t *testing.T) {
	t.Parallel()
	db := filepath.Join(t.TempDir(), "orders.db")
	p := start(t, db, "--step-duration", "1h", "--workers", "2", "--drain-timeout", "300ms", "--lease-ttl", "1h")
	o := p.api().place(1)[0]
	p.untilBegun(1)
	began := time.Now()
	p.signal(syscall.SIGTERM)
	code := p.wait()
	t.Logf("exit code %d after %s", code, time.Since(began).Round(time.Millisecond))

	// The lease of an hour has ended with the node.
	next := start(t, db, "--step-duration", "10ms", "--step-failure-rate", "0")
	next.untilEnded(1)
	events := next.api().history(o.id)
	checkNoOverlap(t, o.id, events)
	checkEnd(t, o.id, events)
	want := "node " + p.Node + " was stopped before the step had finished"
	if e := events[2]; e.Type != "StepInterrupted" || e.Node != p.Node || e.Reason != want {
		t.Errorf("the third event is %+v, want StepInterrupted: %s", e, want)
	}
}

// TestE2E_SecondSignal quits at once, if the second signal comes a second after the first.
func TestE2E_SecondSignal(t *testing.T) {
	t.Parallel()
	p := start(t, filepath.Join(t.TempDir(), "orders.db"), "--step-duration", "1h", "--workers", "2", "--drain-timeout", "1h")
	p.api().place(1)
	p.untilBegun(1)
	first := time.Now()
	p.signal(syscall.SIGINT)
	p.untilSays("draining")
	eventually(t, func() (bool, string) {
		_ = p.Signal(syscall.SIGTERM) // it may have ended
		return p.Ended(), "the node runs on after further signals"
	})
	if code := p.State().ExitCode(); code != exitFailed || time.Since(first) < time.Second {
		t.Errorf("exit code %d after %s, want 1, and not before a second", code, time.Since(first))
	}
}

// TestE2E_DrainAtOnce stops nodes as soon as they say where they listen.
func TestE2E_DrainAtOnce(t *testing.T) {
	t.Parallel()
	db := filepath.Join(t.TempDir(), "orders.db")
	for range 5 {
		p := start(t, db)
		p.signal(syscall.SIGTERM)
		if code := p.wait(); code != exitDone {
			t.Fatalf("exit code %d, want 0", code)
		}
	}
}

// TestE2E_StopWhileStarting: a node that is told to stop before it listens ends in order, and the
// next one starts on what it has left.
func TestE2E_StopWhileStarting(t *testing.T) {
	t.Parallel()
	db := filepath.Join(t.TempDir(), "orders.db")
	c := exec.CommandContext(t.Context(), program(t), "serve", "--dsn", db, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
	c.Env = process.Environment("ORDERFLOW_UNKNOWN=1") // which is the first thing that the log says
	stderr, err := c.StderrPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	log := bufio.NewReader(stderr)
	if first, err := log.ReadString('\n'); err != nil || !strings.Contains(first, "ORDERFLOW_UNKNOWN") {
		t.Errorf("the log begins with %q, %v", first, err)
	}
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	rest, _ := io.ReadAll(log) // ends with the process
	if err := c.Wait(); err != nil || !strings.Contains(string(rest), "stopped") {
		t.Errorf("%v, want exit code 0\n%s", err, rest)
	}
	start(t, db).untilReady()
}

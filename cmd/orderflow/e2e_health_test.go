package main

import (
	"crypto/rand"
	"database/sql"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"orderflow/schema"
)

// untilCheck asks until a check's answer has a status and, if it is a bad one, a text.
func (p *spawned) untilCheck(path string, want int, text string) {
	p.t.Helper()
	eventually(p.t, func() (bool, string) {
		status, _, body := p.admin().call(http.MethodGet, path, "")
		return status == want && strings.Contains(string(body), text), fmt.Sprintf("%s: %d %s, want %d and %q", path, status, body, want, text)
	})
}

// untilRed waits until the database is said to be unfit, with a cause. That is promised within two
// heartbeats.
func (p *spawned) untilRed(cause string) {
	p.t.Helper()
	began := time.Now()
	p.untilCheck("/Watchdog_External", http.StatusServiceUnavailable, cause)
	p.t.Logf("%q was told after %s", cause, time.Since(began).Round(time.Millisecond))
}

// refuses says whether an order is refused for a cause.
func (p *spawned) refuses(cause string) {
	p.t.Helper()
	status, _, body := p.api().call(http.MethodPost, "/v1/orders", fmt.Sprintf(`{"tracking_id": "refused-%d", "detail": 1}`, batches.Add(1)))
	if status != http.StatusServiceUnavailable || !strings.Contains(string(body), cause) {
		p.t.Errorf("an order was answered %d %s, want 503 and %q", status, body, cause)
	}
}

// untilGreen waits until all is well again, and looks whether orders are taken.
func (p *spawned) untilGreen() {
	p.t.Helper()
	for _, path := range []string{"/Watchdog_External", "/Watchdog_Selfclosure", "/readyz"} {
		p.untilCheck(path, http.StatusOK, "")
	}
	p.api().place(1)
}

// TestE2E_Health_fullDisk has the database on a disk of 3 MB.
func TestE2E_Health_fullDisk(t *testing.T) {
	t.Parallel()
	folder := smallDisk(t, 3)
	p := start(t, filepath.Join(folder, "orders.db"), "--step-duration", "10ms", "--step-failure-rate", "0")
	p.api().place(3)
	p.untilGreen()

	ballast := filepath.Join(folder, "ballast")
	fill(t, ballast)
	p.untilRed("disk full")
	p.untilCheck("/Watchdog_Selfclosure", http.StatusServiceUnavailable, "disk full")
	p.refuses("disk full")
	p.untilSays("disk full")
	// By then the rounds of all parts have failed so often that their pauses have grown.
	eventually(t, func() (bool, string) {
		_, _, body := p.admin().call(http.MethodGet, "/Watchdog_Selfclosure", "")
		return regexp.MustCompile(`failed for 1\d\.`).Match(body), fmt.Sprintf("/Watchdog_Selfclosure: %s", body)
	})
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	p.untilCheck("/Watchdog_Selfclosure", http.StatusOK, "")
	p.untilGreen()
}

// TestE2E_Health_destroyed overwrites pages of the database under a node that has used them.
func TestE2E_Health_destroyed(t *testing.T) {
	const page = 4096
	for name, part := range map[string][2]int64{"header": {0, page}, "all but the header": {page, math.MaxInt64}} {
		from, to := part[0], part[1]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "orders.db")
			p := start(t, path, "--step-duration", "10ms", "--step-failure-rate", "0")
			placed := p.api().place(20)
			p.untilEnded(20)
			whole := p.destroy(path, from, to)
			p.untilRed("damaged")
			p.refuses("damaged")
			for _, path := range []string{"/v1/orders", "/v1/orders/" + placed[0].id, "/v1/orders/" + placed[0].id + "/events"} {
				if status, _, body := p.api().call(http.MethodGet, path, ""); status != http.StatusServiceUnavailable || !strings.Contains(string(body), "damaged") {
					t.Errorf("GET %s: %d %s, want 503 and the cause", path, status, body)
				}
			}
			overwrite(t, path, 0, whole)
			p.untilGreen()
		})
	}
}

// TestE2E_Health_logRemoved removes what is beside the file under a node that works. What it has
// accepted is there also when it is killed.
func TestE2E_Health_logRemoved(t *testing.T) {
	for _, beside := range []string{"-wal", "-shm"} {
		for name, end := range map[string]func(*spawned){
			"kill": (*spawned).Kill,
			"stop": func(p *spawned) { p.signal(syscall.SIGTERM); p.wait() },
		} {
			t.Run(beside+" "+name, func(t *testing.T) {
				t.Parallel()
				const cause = "the write-ahead log of the database was removed or replaced"
				path := filepath.Join(t.TempDir(), "orders.db")
				p := start(t, path, "--step-duration", "1m", "--drain-timeout", "1s")
				placed := p.api().place(20)
				p.untilBegun(1)
				if err := os.Remove(path + beside); err != nil {
					t.Fatal(err)
				}
				p.refuses(cause) // at once
				p.untilRed(cause)
				p.untilCheck("/Watchdog_Selfclosure", http.StatusServiceUnavailable, cause)
				p.untilCheck("/readyz", http.StatusServiceUnavailable, "not registered")
				p.untilSays("stop all nodes with SIGTERM")
				end(p)
				must(t, "check", "--deep", "--dsn", path)
				for _, o := range placed {
					if r := call("orders", "get", o.id, "--dsn", path); r.code != exitDone {
						t.Errorf("order %s: exit code %d\n%s", o.id, r.code, r.stderr)
					}
				}
			})
		}
	}
}

// TestE2E_Health_replaced removes or replaces the file under a node that works.
func TestE2E_Health_replaced(t *testing.T) {
	for name, replace := range map[string]func(path, away string) error{
		"removed": func(string, string) error { return nil },
		"replaced": func(path, away string) error {
			content, err := os.ReadFile(away)
			if err != nil {
				return err
			}
			return os.WriteFile(path, content, 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "orders.db")
			p := start(t, path, "--step-duration", "1m")
			p.api().place(1)
			p.untilBegun(1)
			if err := os.Rename(path, path+".away"); err != nil {
				t.Fatal(err)
			}
			if err := replace(path, path+".away"); err != nil {
				t.Fatal(err)
			}
			p.refuses("removed or replaced") // at once
			p.untilRed("removed or replaced")
			p.untilCheck("/Watchdog_Selfclosure", http.StatusServiceUnavailable, "removed or replaced")
			p.untilCheck("/readyz", http.StatusServiceUnavailable, "not registered")
			eventually(t, func() (bool, string) {
				s := p.stat()
				return s.State == "unregistered" && s.Busy == 0, fmt.Sprintf("stat says %+v, want a node that is not registered and does no work", s)
			})
			p.untilSays("removed or replaced")
			p.untilSays("remove the -wal and -shm of the old one")
			if err := os.Rename(path+".away", path); err != nil {
				t.Fatal(err)
			}
			p.untilGreen()
		})
	}
}

// TestE2E_Health_locked has another process keep the file's write lock.
func TestE2E_Health_locked(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "orders.db")
	p := start(t, path, "--step-duration", "10ms", "--step-failure-rate", "0")
	p.untilGreen()
	db, err := schema.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	err = db.InTx(t.Context(), func(*schema.Tx) error {
		p.untilCheck("/Watchdog_External", http.StatusServiceUnavailable, "locked by another process")
		p.untilCheck("/Watchdog_Selfclosure", http.StatusServiceUnavailable, "locked by another process")
		p.untilSays("locked by another process")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	p.untilGreen()
}

// destroy overwrites a part of the database file with random bytes, and gives what the whole file held
// before.
//
// The node is stopped while the write-ahead log is emptied and the file is overwritten. Emptying the
// log makes every connection forget the pages it has in memory. If the node ran on, a connection could read
// them again before they are overwritten: it would answer from memory, and a commit could write the destroyed page
// anew. Such a node is well, and says so.
func (p *spawned) destroy(path string, from, to int64) (whole []byte) {
	p.t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(100)")
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	eventually(p.t, func() (bool, string) {
		p.signal(syscall.SIGSTOP)
		var busy, frames, moved int
		err := db.QueryRowContext(p.t.Context(), `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &frames, &moved)
		if err != nil || busy != 0 { // the node was stopped in the middle of a transaction
			p.signal(syscall.SIGCONT)
		}
		return err == nil && busy == 0, fmt.Sprintf("checkpoint: busy %d, %v", busy, err)
	})
	defer p.signal(syscall.SIGCONT)
	if whole, err = os.ReadFile(path); err != nil {
		p.t.Fatal(err)
	}
	garbage := make([]byte, min(to, int64(len(whole)))-from)
	_, _ = rand.Read(garbage) // never fails
	overwrite(p.t, path, from, garbage)
	return whole
}

func overwrite(t *testing.T, path string, at int64, content []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if _, err := f.WriteAt(content, at); err != nil {
		t.Fatal(err)
	}
}

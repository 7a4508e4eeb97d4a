package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// TestE2E_Memory has many clients send orders of a megabyte at the same moment. The node takes
// what it can hold, tells the others to come again, and keeps its registration. In its long form
// it does so within the limits of the manifests in deploy: a container of 512 MiB and GOMEMLIMIT
// of 400 MiB, with a binary like theirs.
func TestE2E_Memory(t *testing.T) {
	clients, limit, binary := 40, 100, program(t)
	long := os.Getenv("ORDERFLOW_TEST_LONG") != ""
	if long {
		clients, limit, binary = 400, 400, filepath.Join(t.TempDir(), "orderflow")
		if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	t.Setenv("GOMEMLIMIT", fmt.Sprintf("%dMiB", limit))
	p := startBinary(t, binary, filepath.Join(t.TempDir(), "orders.db"), "--step-duration", "100ms", "--step-failure-rate", "0")
	eventually(t, func() (bool, string) { s := p.stat(); return s.State == "active" && s.Epoch > 0, s.State })
	epoch := p.stat().Epoch
	placed, again := p.crowd(clients)
	t.Logf("%d of %d orders of a megabyte were placed at once, %d were told to come again", placed, clients, again)
	if placed == 0 || again == 0 || placed+again != clients {
		t.Errorf("want some of both, and nothing else\n%s", p.Log())
	}
	p.untilEnded(placed)
	if s := p.stat(); s.Epoch != epoch || s.State != "active" || strings.Contains(p.Log(), "registration was lost") {
		t.Errorf("the node lost its registration: epoch %d, before %d\n%s", s.Epoch, epoch, p.Log())
	}
	if peak := p.peak(); long && peak >= 512<<20 {
		t.Errorf("the node took %d MiB", peak>>20)
	} else {
		t.Logf("the node took %d MiB at most", peak>>20)
	}
}

// crowd sends so many orders of a megabyte at once, and counts those that were placed and those
// that were told to come again.
func (p *spawned) crowd(clients int) (placed, again int) {
	p.t.Helper()
	body := `{"detail":"` + strings.Repeat("x", 1<<20-len(`{"detail":""}`)) + `"}`
	var wg sync.WaitGroup
	var mu sync.Mutex
	ready := make(chan struct{})
	for range clients {
		wg.Go(func() {
			<-ready
			status, header, answer := p.api().call(http.MethodPost, "/v1/orders", body)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case status == http.StatusAccepted:
				placed++
			case status == http.StatusServiceUnavailable && header.Get("Retry-After") != "":
				again++
			default:
				p.t.Errorf("answered %d %s", status, answer)
			}
		})
	}
	close(ready)
	wg.Wait()
	return placed, again
}

// peak is the most memory the process had, in bytes; 0 where the system does not say.
func (p *spawned) peak() int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID))
	if err != nil {
		return 0
	}
	found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(text)
	if found == nil {
		return 0
	}
	kilobytes, _ := strconv.Atoi(string(found[1])) // digits
	return kilobytes << 10
}

package main

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// TestE2E_NodeID starts a second process under the name of one that lives, and of one that crashed.
func TestE2E_NodeID(t *testing.T) {
	t.Parallel()
	db := filepath.Join(t.TempDir(), "orders.db")
	flags := []string{"--node-id", "one", "--step-duration", "10ms", "--step-failure-rate", "0"}
	first := start(t, db, flags...)
	first.untilReady()

	second := start(t, db, flags...)
	if code := second.wait(); code != exitFailed {
		t.Errorf("exit code %d, want 1", code)
	}
	for _, said := range []string{"waiting until it expires", "another process works under the name of node one", fmt.Sprintf("process %d", first.PID)} {
		if !strings.Contains(second.Log(), said) {
			t.Errorf("the second process of the name does not say %q:\n%s", said, second.Log())
		}
	}

	if unreal := "the router stopped by itself"; strings.Contains(second.Log(), unreal) {
		t.Errorf("the second process says %q beside the reason:\n%s", unreal, second.Log())
	}

	first.Kill()
	third := start(t, db, flags...)
	third.untilReady()
	if third.stat().Epoch != 2 || !strings.Contains(third.Log(), "waiting until it expires") {
		t.Errorf("the process that took the name over is in epoch %d, want 2:\n%s", third.stat().Epoch, third.Log())
	}
	third.api().place(1)
	third.untilEnded(1)
}

// untilReady waits until the node says that it is ready.
func (p *spawned) untilReady() {
	p.t.Helper()
	eventually(p.t, func() (bool, string) {
		status, _, body := p.admin().call(http.MethodGet, "/readyz", "")
		return status == http.StatusOK, fmt.Sprintf("not ready: %d %s", status, body)
	})
}

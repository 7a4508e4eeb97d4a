package main

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestE2E_Audit runs the program of docs/audit.md on a real history, and on one with a
// byte altered.
func TestE2E_Audit(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("SKIPPED: there is no python3 to run the program of docs/audit.md with")
	}
	page, err := os.ReadFile("../../docs/audit.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```python\n")
	program, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("docs/audit.md has no Python program")
	}
	script := filepath.Join(t.TempDir(), "chain.py")
	if err := os.WriteFile(script, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	db := filepath.Join(t.TempDir(), "orders.db")
	p := start(t, db, "--step-duration", "1ms", "--step-failure-rate", "0")
	status, _, body := p.api().call(http.MethodPost, "/v1/orders", `{"detail": {"name": "Müller", "price":12.30}}`)
	var o struct {
		ID string `json:"order_id"`
	}
	decode(t, string(body), &o)
	if status != http.StatusAccepted {
		t.Fatal(status, string(body))
	}
	p.untilEnded(1)
	events := string(p.api().get("/v1/orders/"+o.ID+"/events", nil))
	run := func(history string) (string, error) {
		cmd := exec.Command(python, script, o.ID)
		cmd.Stdin, cmd.Env = strings.NewReader(history), append(os.Environ(), "PYTHONIOENCODING=cp1252", "PYTHONUTF8=0")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := run(events); err != nil || !strings.HasPrefix(out, "10 events") {
		t.Errorf("the history does not fit: %v\n%s\n%s", err, out, events)
	}
	if out, err := run(strings.Replace(events, `"price":12.30`, `"price":12.31`, 1)); err == nil || !strings.Contains(out, "event 1 does not fit") {
		t.Errorf("an altered price goes unseen: %v\n%s", err, out)
	}
}

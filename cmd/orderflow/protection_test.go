package main

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"

	"orderflow/schema"
)

// call runs a command in this process.
func call(args ...string) result {
	var stdout, stderr bytes.Buffer
	code := execute(args, &stdout, &stderr)
	return result{code: code, stdout: stdout.String(), stderr: stderr.String()}
}

// doctor changes a database as somebody with every right would.
func doctor(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := schema.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, s := range statements {
		if err := db.InTx(t.Context(), func(tx *schema.Tx) error { _, err := tx.ExecContext(context.Background(), s); return err }); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// startHere gives a node in this process that does not run yet, and what it has logged.
func startHere(t *testing.T, path string, flags ...string) (*node, *buffer) {
	t.Helper()
	c, err := parse(t, append([]string{"serve", "--dsn", path, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"}, flags...)...)
	if err != nil {
		t.Fatal(err)
	}
	logged := &buffer{}
	log, err := newLog(logged, "info", "text")
	if err != nil {
		t.Fatal(err)
	}
	n, err := newNode(t.Context(), &c.Serve, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.close() })
	return n, logged
}

// TestProtection_dropped: check, migrate --status and the start of a node name a trigger that is
// gone.
func TestProtection_dropped(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	for _, args := range [][]string{{"migrate", "--dsn", path}, {"migrate", "--status", "--dsn", path}, {"check", "--dsn", path}} {
		if r := call(args...); r.code != exitDone {
			t.Fatalf("%v exited %d\n%s%s", args, r.code, r.stdout, r.stderr)
		}
	}
	if _, logged := startHere(t, path); strings.Contains(logged.String(), "not as it was made") {
		t.Errorf("a node warns of a whole schema\n%s", logged)
	}
	doctor(t, path, `DROP TRIGGER events_no_delete`)
	const names = "trigger events_no_delete of table events is missing"
	for _, args := range [][]string{{"migrate", "--status", "--dsn", path}, {"check", "--dsn", path}} {
		if r := call(args...); r.code != exitFailed || !strings.Contains(r.stdout+r.stderr, names) {
			t.Errorf("%v exited %d, want 1 and %q\n%s%s", args, r.code, names, r.stdout, r.stderr)
		}
	}
	if _, logged := startHere(t, path); !strings.Contains(logged.String(), names) {
		t.Errorf("the log of a node does not say %q\n%s", names, logged)
	}
}

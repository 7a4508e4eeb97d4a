package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"orderflow/domain"
	"orderflow/schema"
)

const (
	before       = "9657e30" // the last commit whose program knows nothing of levels of events
	beforeLevers = "70c20ed" // the last one whose program reads events of level 2, and no requests of operators
)

// oldProgram builds the program of a commit.
func oldProgram(t *testing.T, commit string) string {
	t.Helper()
	if os.Getenv("ORDERFLOW_TEST_LONG") == "" {
		t.Skip("SKIPPED: it takes long. Set ORDERFLOW_TEST_LONG=1")
	}
	folder := t.TempDir()
	archive := exec.Command("git", "archive", "--format=tar", commit)
	archive.Dir = filepath.Join("..", "..")
	source, err := archive.Output()
	if err != nil {
		t.Skipf("SKIPPED: A ROLLING UPGRADE IS NOT TESTED. The history of this copy does not have commit %s: %v", commit, err)
	}
	unpack := exec.Command("tar", "-x", "-C", folder)
	unpack.Stdin = bytes.NewReader(source)
	if out, err := unpack.CombinedOutput(); err != nil {
		t.Fatalf("unpack commit %s: %v\n%s", commit, err, out)
	}
	path := filepath.Join(folder, "orderflow-old")
	build := exec.Command("go", "build", "-ldflags", "-X main.version=old", "-o", path, "./cmd/orderflow")
	build.Dir = folder
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the program of commit %s: %v\n%s", commit, err, out)
	}
	return path
}

// numberOf asks a database for a number.
func numberOf(t *testing.T, path, query string) (n int) {
	t.Helper()
	db, err := schema.OpenToLook(t.Context(), path, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

const newForms = `SELECT COUNT(*) FROM events WHERE type = 'OrderPlaced' AND json_extract(metadata, '$.schema') > 1`

// TestE2E_Upgrade has a node of the version before work beside one of this version, on one
// file, and go.
func TestE2E_Upgrade(t *testing.T) {
	binary := oldProgram(t, before)
	db := filepath.Join(t.TempDir(), "upgrade.db")
	flags := []string{"--step-duration", "50ms", "--step-failure-rate", "0.1", "--workers", "8"}
	old := startBinary(t, binary, db, append(flags, "--node-id", "old")...)
	const part = 60
	old.api().place(part)
	newer := start(t, db, append(flags, "--node-id", "newer")...) // migrates under the old one
	old.api().place(part)
	newer.api().place(part)
	newer.untilEnded(3 * part)
	old.untilEnded(3 * part)
	if n := numberOf(t, db, newForms); n != 0 {
		t.Errorf("%d orders were stored in a form that the old node does not read", n)
	}
	if n := numberOf(t, db, `SELECT COUNT(DISTINCT json_extract(metadata, '$.node')) FROM events WHERE type = 'StepCompleted'`); n != 2 {
		t.Errorf("%d nodes completed steps, want both", n)
	}
	for _, p := range []*spawned{old, newer} {
		p.untilReady()
	}

	old.signal(syscall.SIGTERM)
	if code := old.wait(); code != 0 {
		t.Errorf("the old node ended with %d", code)
	}
	eventually(t, func() (bool, string) {
		level := numberOf(t, db, `SELECT event_level FROM compatibility`)
		return level == domain.EventLevel && strings.Contains(newer.Log(), "they are written from now on"), fmt.Sprintf("level %d\n%s", level, newer.Log())
	})
	newer.api().place(part)
	if n := numberOf(t, db, newForms); n != part {
		t.Errorf("%d orders were stored in the new form, want all %d that were placed when the old node was gone", n, part)
	}

	again := startBinary(t, binary, db, append(flags, "--node-id", "again")...)
	again.untilSays("in a form that this node does not read")
	if n := numberOf(t, db, `SELECT COUNT(*) FROM nodes WHERE node = 'again'`); n != 0 {
		t.Error("the old node is registered")
	}
	again.api().place(part) // in the old form, which everybody reads
	newer.untilEnded(5 * part)
	again.Kill()
	if n := numberOf(t, db, `SELECT COUNT(*) FROM dead_letters`); n != 0 {
		t.Errorf("%d messages were parked", n)
	}
	must(t, "check", "--quiet", "--dsn", db)
	must(t, "projections", "verify", "--dsn", db)
}

// TestE2E_UpgradeLevers: while a node lives that does not read what operators ask of orders, nothing of it is stored, and
// what is read of orders is as ever. When it has gone, orders can be cancelled, and it cannot join.
func TestE2E_UpgradeLevers(t *testing.T) {
	binary := oldProgram(t, beforeLevers)
	db := filepath.Join(t.TempDir(), "levers.db")
	flags := []string{"--step-duration", "1h", "--step-timeout", "2h", "--drain-timeout", "1ms", "--step-failure-rate", "0"}
	old := startBinary(t, binary, db, append(flags, "--node-id", "old")...)
	newer := start(t, db, append(flags, "--node-id", "newer")...)
	id := newer.api().place(1)[0].id
	old.untilReady()
	newer.untilReady()
	refused(t, db, "reads events of level 3", "orders", "cancel", id)
	old.signal(syscall.SIGTERM)
	old.wait()
	eventually(t, func() (bool, string) {
		level := numberOf(t, db, `SELECT event_level FROM compatibility`)
		return level == domain.EventLevel, fmt.Sprintf("level %d", level)
	})
	must(t, "orders", "cancel", id, "--now", "--reason", "a test", "--dsn", db)
	until(t, db, "Cancelled", "orders", "get", id)
	must(t, "orders", "retry", id, "--reason", "a test", "--dsn", db)
	out, err := exec.CommandContext(t.Context(), binary, "serve", "--dsn", db, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "it reads them up to level 2: run the newer version") {
		t.Errorf("the old node ended with %v\n%s", err, out)
	}
	must(t, "check", "--quiet", "--dsn", db)
	must(t, "projections", "verify", "--dsn", db)
}

// TestE2E_TooOld: on a database that a newer program has made unusable for this one, nothing is
// done, but the list of migrations.
func TestE2E_TooOld(t *testing.T) {
	t.Parallel()
	db := filepath.Join(t.TempDir(), "newer.db")
	must(t, "migrate", "--dsn", db)
	newest := numberOf(t, db, `SELECT MAX(version_id) FROM goose_db_version`)
	change(t, db, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9001, 1)`)
	change(t, db, `UPDATE compatibility SET oldest_program = 9001`)
	for _, command := range [][]string{
		{"serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"}, {"serve", "--no-migrate", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"},
		{"migrate"}, {"check"}, {"orders", "list"}, {"orders", "place"}, {"nodes", "list"}, {"projections", "rebuild"}, {"projections", "verify"}, {"deadletters", "list"},
	} {
		r := orderflow(t, append(command, "--dsn", db)...)
		if said := r.stdout + r.stderr; r.code != exitFailed || !strings.Contains(said, "too old for the database") ||
			!strings.Contains(said, fmt.Sprintf("up to %d,", newest)) || !strings.Contains(said, "9001") {
			t.Errorf("%v: exit %d, %q; want 1 and both versions", command, r.code, said)
		}
	}
	r := orderflow(t, "migrate", "--status", "--dsn", db)
	if r.code != exitFailed || !strings.Contains(r.stdout, "00001_events.sql") || !strings.Contains(r.stdout, "9001") || !strings.Contains(r.stdout, "newer program") {
		t.Errorf("migrate --status: exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}

	change(t, db, `UPDATE compatibility SET oldest_program = 1`) // a newer schema that lets this program work
	for _, command := range [][]string{{"migrate"}, {"orders", "place"}, {"orders", "list"}, {"migrate", "--status"}} {
		must(t, append(command, "--dsn", db)...)
	}
	change(t, db, `UPDATE compatibility SET event_level = 99`)
	if r := orderflow(t, "serve", "--dsn", db, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"); r.code != exitFailed || !strings.Contains(r.stderr, "level 99") {
		t.Errorf("serve where events are newer: exit %d, %s; want 1 and the level", r.code, r.stderr)
	}
}

// change runs a statement on a database.
func change(t *testing.T, path, statement string) {
	t.Helper()
	db, err := schema.OpenToLook(t.Context(), path, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	err = db.InTx(t.Context(), func(tx *schema.Tx) error {
		_, err := tx.ExecContext(t.Context(), statement)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

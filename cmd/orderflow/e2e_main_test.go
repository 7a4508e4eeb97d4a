package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"orderflow/internal/process"
	"orderflow/schema/schematest"
)

// The end-to-end tests run the real binary, built with the race detector, as real
// processes on a database file of their own. They wait by asking the API or the
// database, with one generous deadline: how long things take is logged, not judged.

// race has a process that the race detector found something in exit 99, and none wait
// for a second before it exits.
const race = "GORACE=exitcode=99 atexit_sleep_ms=0"

// patience is how long anything may take on a busy machine before it counts as not happening.
const patience = 2 * time.Minute

var binaries string // folder of what was built; removed at the end

func TestMain(m *testing.M) {
	var err error
	if binaries, err = os.MkdirTemp("", "orderflow-e2e-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(binaries)
	os.Exit(code)
}

// build builds the binary once. Its flags are those of the test itself, so that the
// build cache serves both.
var build = sync.OnceValues(func() (string, error) {
	path := filepath.Join(binaries, "orderflow")
	cmd := exec.Command("go", "build", "-race", "-ldflags", "-X main.version=e2e", "-o", path, ".")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the binary: %w\n%s", err, out)
	}
	return path, nil
})

func program(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("end-to-end tests are not short")
	}
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// result is what a command that has ended left behind.
type result struct {
	code           int
	stdout, stderr string
}

// orderflow runs one command to its end.
func orderflow(t *testing.T, args ...string) result {
	t.Helper()
	path := program(t) // before the time runs: it may have to be built
	// One that does not end, such as a node that should have refused to start, is killed.
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return finish(t, exec.CommandContext(ctx, path, args...))
}

// finish runs a command to its end.
func finish(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	cmd.Env = process.Environment(race)
	if cmd.Dir == "" {
		cmd.Dir = t.TempDir()
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return result{code: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
}

// must runs one command that has to succeed, and gives its output.
func must(t *testing.T, args ...string) string {
	t.Helper()
	r := orderflow(t, args...)
	if r.code != exitDone {
		t.Fatalf("orderflow %q exited %d\n%s%s", args, r.code, r.stdout, r.stderr)
	}
	return r.stdout
}

// atServer is how much longer everything may take where the database is a server: each of
// its connections may have to be made and warmed up first.
const atServer = 4

// isServer says whether a DSN names a server.
func isServer(dsn string) bool { return strings.HasPrefix(dsn, "sqlserver:") }

// eventually asks until the answer is yes. When patience ends, it fails the test with what was said
// last.
func eventually(t *testing.T, ask func() (done bool, last string)) {
	t.Helper()
	within := patience
	if strings.Contains(t.Name(), "/sqlserver") {
		within *= atServer
	}
	eventuallyWithin(t, within, ask)
}

// eventuallyWithin is eventually with a patience of its own.
func eventuallyWithin(t *testing.T, within time.Duration, ask func() (done bool, last string)) {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	for pause := 10 * time.Millisecond; ; pause = min(pause*5/4, 150*time.Millisecond) { // who asks often slows down what is asked
		done, last := ask()
		if done {
			return
		}
		select {
		case <-deadline.C:
			t.Fatalf("not within %s: %s", within, last)
		case <-time.After(pause):
		}
	}
}

// onEachDatabase runs a test on an empty database of each kind there is: SQLite always,
// SQL Server where schematest.Env names one.
func onEachDatabase(t *testing.T, f func(t *testing.T, dsn string)) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		f(t, filepath.Join(t.TempDir(), "orders.db"))
	})
	t.Run("sqlserver", func(t *testing.T) {
		t.Parallel()
		schematest.NeedSQLServer(t)
		f(t, schematest.SQLServerDSN(t))
	})
}

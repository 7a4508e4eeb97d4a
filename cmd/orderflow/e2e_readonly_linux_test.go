package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// nobody is a user who owns nothing.
const nobody = 65534

// asNobody gives a function that runs commands as another user.
func asNobody(t *testing.T) func(args ...string) result {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: FILES OF ANOTHER USER ARE NOT TESTED. Running a program as another user takes root")
	}
	folder, err := os.MkdirTemp("/tmp", "orderflow-nobody-") //nolint:usetesting // those of tests are for their owner only
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	binary := filepath.Join(folder, "orderflow")
	content, err := os.ReadFile(program(t))
	if err == nil {
		err = os.WriteFile(binary, content, 0o755)
	}
	if err == nil {
		err = os.Chmod(folder, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return func(args ...string) result {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, binary, args...)
		cmd.Dir = folder
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		return finish(t, cmd)
	}
}

// TestE2E_ReadOnly: somebody who may only read the file, or who may not even do that.
func TestE2E_ReadOnly(t *testing.T) {
	t.Parallel()
	runAsNobody := asNobody(t)
	folder, err := os.MkdirTemp("/tmp", "orderflow-auditor-") //nolint:usetesting // those of tests are for their owner only
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	path := filepath.Join(folder, "orders.db")
	must(t, "migrate", "--dsn", path)
	id := strings.TrimSpace(must(t, "orders", "place", "--detail", "1", "--dsn", path))
	chmod := func(path string, mode os.FileMode) {
		t.Helper()
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	chmod(folder, 0o755)
	chmod(path, 0o444)
	commands := [][]string{
		{"check", "--deep"}, {"orders", "list"}, {"orders", "get", id}, {"orders", "events", id}, {"orders", "replay", id}, {"orders", "diagnose", id},
		{"projections", "status"}, {"projections", "verify"}, {"nodes", "list"}, {"deadletters", "list"}, {"offsets", "list"},
		{"migrate", "--status"},
	}
	all := func(note string) {
		t.Helper()
		for _, args := range commands {
			r := runAsNobody(append(args, "--dsn", path)...)
			if r.code != exitDone || !strings.Contains(r.stderr, note) {
				t.Errorf("%v: %+v, want it to succeed and to say %q", args, r, note)
			}
		}
	}
	all("a copy that nobody writes to")

	p := start(t, path, "--step-duration", "1m")
	p.api().place(1)
	for _, beside := range []string{"-wal", "-shm"} {
		chmod(path+beside, 0o444)
	}
	all("with its -wal")
	p.Kill()
	if err := os.Remove(path + "-shm"); err != nil {
		t.Fatal(err)
	}
	if r := runAsNobody("check", "--dsn", path); r.code != exitFailed || !strings.Contains(r.stderr, "copy it, with its -wal") {
		t.Errorf("a -wal without its index: %+v, want to be told to copy it", r)
	}
	chmod(path, 0o400)
	if r := runAsNobody("check", "--dsn", path); r.code != exitFailed || !strings.Contains(r.stderr, "may not read the file") || !strings.Contains(r.stderr, "copy it") {
		t.Errorf("a file that may not be read: %+v, want the permission and what to do", r)
	}
}

package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWords: what is wrong on a command line is named as who wrote it knows it.
func TestWords(t *testing.T) {
	path, folder := database(t), t.TempDir()
	empty := filepath.Join(folder, "empty.db")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const order = "019c3a51-5e0c-7d7a-a8d0-0d1d4c3a9b1e"
	long := strings.Repeat("x", 1001)
	for _, c := range []struct {
		line string
		code int
		says string
	}{
		{"restore " + filepath.Join(folder, "nope"), exitFailed, "there is no backup " + filepath.Join(folder, "nope") + ": name the file"},
		{"restore --dry-run " + empty, exitFailed, "an empty file"},
		{"jobs show xyz", exitUsage, `"xyz" is no id of a job: "orderflow jobs list" names them`},
		{"jobs stop xyz --reason x", exitUsage, `"xyz" is no id of a job`},
		{"alarms ack xyz --reason x", exitUsage, `"xyz" is no id of an alarm`},
		{"orders list --reason node_paused --cursor xyz", exitUsage, ""},
		{"orders cancel " + order, exitUsage, "--reason is empty: say why"},
		{"steps pause processing", exitUsage, "--reason is empty: say why"},
		{"deadletters requeue --all", exitUsage, "--reason is empty: say why"},
		{"nodes stop n --reason " + long, exitUsage, "--reason has 1001 bytes: give text in UTF-8 of 1 to 1000 bytes"},
		{"jobs stop " + order + " --reason " + long, exitUsage, "--reason has 1001 bytes"},
		{"orders fail " + order + " --reason " + long, exitUsage, "--reason has 1001 bytes"},
		{"steps pause pre-processing --reason x", exitDone, "PreProcessing: the step is paused"},
		{"steps resume preprocessing --reason x", exitDone, "PreProcessing: "},
		{"orders list --step processing", exitDone, ""},
		{"orders get --at= " + order, exitFailed, "not found"},
	} {
		wantCall(t, c.code, c.says, append(strings.Fields(c.line), "--dsn", path)...)
	}
}

// TestWords_next: who requeues a letter hears what happens next and, the second time, once that there is none.
func TestWords_next(t *testing.T) {
	path := database(t)
	letters(t, path, 1)
	var all []decided
	if err := json.Unmarshal([]byte(call("deadletters", "list", "--json", "--dsn", path).stdout), &all); err != nil || len(all) != 1 {
		t.Fatal(err, all)
	}
	wantCall(t, exitDone, ": a worker ", "deadletters", "requeue", all[0].Letter, "--reason", "x", "--dsn", path)
	again := call("deadletters", "requeue", all[0].Letter, "--reason", "x", "--dsn", path)
	if strings.Count(again.stderr, all[0].Letter) != 1 || !strings.Contains(again.stderr, "not found: there is no dead letter") {
		t.Errorf("a second time: %s", again.stderr)
	}
	wantCall(t, exitDone, `{
  "steps": [`, "steps", "list", "--json", "--dsn", path)
	call("steps", "pause", "processing", "--reason", "x", "--dsn", path)
	call("steps", "resume", "processing", "--reason", "x", "--dsn", path)
	if log := call("operations", "list", "--dsn", path).stdout; !strings.Contains(strings.Join(strings.Fields(log), " "), "steps resume Processing resumed x") {
		t.Error(log)
	}
}

// TestWords_interrupted: the end of a watch by the keyboard is no failure.
func TestWords_interrupted(t *testing.T) {
	path := database(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, args := range [][]string{{"status", "--watch"}, {"jobs", "show", "--watch", "019c3a51-5e0c-7d7a-a8d0-0d1d4c3a9b1e"}} {
		c, err := parse(t, append(args, "--dsn", path)...)
		if err != nil {
			t.Fatal(err)
		}
		run := c.Status.Run
		if args[0] == "jobs" {
			run = c.Jobs.Show.Run
		}
		if err := run(ctx, &output{w: io.Discard, notes: io.Discard}); err != nil {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestCountOf(t *testing.T) {
	for n, want := range map[int]string{0: "0 items", 1: "1 item", 2: "2 items"} {
		if got := countOf(n, "item"); got != want {
			t.Errorf("%d is told as %q, want %q", n, got, want)
		}
	}
}

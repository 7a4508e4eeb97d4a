package main

import (
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

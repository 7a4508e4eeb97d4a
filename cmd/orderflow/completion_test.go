package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// completing is how each shell is asked, without a terminal, what can follow a command line: $1 is the script, and the
// others are the words, of which the last is unfinished. FILES stands for those of the folder.
var completing = map[string][]string{
	"bash": {"bash", "--norc", "-c", `. "$0"; compgen() { [[ "$1" == -f ]] && echo FILES || builtin compgen "$@"; }
		COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _orderflow; printf '%s\n' "${COMPREPLY[@]}"`},
	"zsh": {"zsh", "-f", "-c", `compdef() { : }; _files() { print FILES }; compadd() { print -l -- ${(M)found:#$words[CURRENT]*} }
		source "$0"; words=("$@"); CURRENT=$#; _orderflow`},
	"fish": {"fish", "--no-config", "-c", `source $argv[1]; complete -C (string join ' ' -- $argv[2..-1]) | string split -f 1 \t`},
}

// TestCompletion asks each shell that is there what can follow.
func TestCompletion(t *testing.T) {
	for shell, ask := range completing {
		t.Run(shell, func(t *testing.T) {
			if _, err := exec.LookPath(ask[0]); err != nil {
				t.Skipf("SKIPPED: COMPLETION IN %s IS NOT TESTED. %v", strings.ToUpper(shell), err)
			}
			r := call("completion", shell)
			script := filepath.Join(t.TempDir(), "script")
			if err := os.WriteFile(script, []byte(r.stdout), 0o600); err != nil || r.code != exitDone {
				t.Fatal(err, r)
			}
			for _, c := range []struct {
				line      string // its last word is unfinished
				want, not []string
			}{
				{"orderflow ", []string{"serve", "orders", "backup", "completion"}, []string{"list", "place"}},
				{"orderflow mig", []string{"migrate"}, []string{"serve"}},
				{"orderflow orders ", []string{"list", "get", "cancel"}, []string{"serve", "rebuild"}},
				{"orderflow orders list --sta", []string{"--status"}, []string{"--dsn", "--at"}},
				{"orderflow orders get --json --", []string{"--at", "--dsn"}, []string{"--status"}},
				{"orderflow orders list --status ", []string{"Parked", "Processing"}, []string{"FILES"}},
				{"orderflow orders list --status Par", []string{"Parked"}, []string{"Processing"}},
				{"orderflow orders list --reason ", []string{"step_paused"}, []string{"FILES"}},
				{"orderflow deadletters list --topic ", []string{"pre-processing"}, []string{"FILES"}},
				{"orderflow serve --roles ", []string{"projector"}, []string{"FILES"}},
				{"orderflow serve --log-level ", []string{"debug"}, []string{"FILES"}},
				{"orderflow jobs show --state ", []string{"skipped"}, []string{"FILES"}},
				{"orderflow steps pause ", []string{"PreProcessing"}, nil},
				{"orderflow migrate --status --d", []string{"--dsn"}, []string{"Parked"}},
				{"orderflow completion ", []string{"bash", "zsh", "fish"}, []string{"serve"}},
			} {
				words := strings.Split(c.line, " ")
				out, err := exec.CommandContext(t.Context(), ask[0], slices.Concat(ask[1:], []string{script}, words)...).CombinedOutput()
				said := strings.Fields(string(out))
				for _, w := range c.want {
					if !slices.Contains(said, w) {
						t.Errorf("%q: %q is not among %q (%v)", c.line, w, said, err)
					}
				}
				for _, w := range c.not {
					if slices.Contains(said, w) {
						t.Errorf("%q: %q is among %q", c.line, w, said)
					}
				}
			}
			if shell == "fish" {
				return // completes files where a flag takes a value by itself
			}
			out, err := exec.CommandContext(t.Context(), ask[0], slices.Concat(ask[1:], []string{script, "orderflow", "orders", "list", "--dsn", ""})...).CombinedOutput()
			if strings.TrimSpace(string(out)) != "FILES" {
				t.Errorf("after --dsn: %s (%v)", out, err)
			}
		})
	}
	wantCall(t, exitUsage, "bash", "completion", "csh")
}

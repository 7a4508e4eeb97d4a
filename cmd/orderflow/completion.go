package main

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// completionCmd prints a script that completes commands and flags in a shell.
type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

func (completionCmd) Help() string {
	return `Examples:
  source <(orderflow completion bash)       # in ~/.bashrc
  source <(orderflow completion zsh)        # in ~/.zshrc, after compinit
  orderflow completion fish > ~/.config/fish/completions/orderflow.fish`
}

func (c *completionCmd) Run(app *kong.Kong, out *output) error {
	all := places(app.Model.Name, app.Model.Node)
	script := map[string]func([]place) string{"bash": bash, "zsh": zsh, "fish": fish}[c.Shell]
	return out.sayf("%s", script(all))
}

// place is where a command line can stand: after the program's name, or after that of a command.
type place struct {
	path     string // "orderflow orders list"
	commands []*kong.Node
	flags    []*kong.Flag
	values   []string // that its arguments can have; none if they are open
}

// places are all places at a command and below it.
func places(path string, n *kong.Node) (all []place) {
	at := place{path: path}
	for _, group := range n.AllFlags(true) {
		at.flags = append(at.flags, group...)
	}
	for _, arg := range n.Positional {
		at.values = append(at.values, choices(path, arg)...)
	}
	var below []place
	for _, child := range n.Children {
		if child.Type == kong.CommandNode && !child.Hidden {
			at.commands = append(at.commands, child)
			below = append(below, places(path+" "+child.Name, child)...)
		}
	}
	return append([]place{at}, below...)
}

// words are what can follow at a place.
func (p place) words() (words []string) {
	for _, c := range p.commands {
		words = append(words, c.Name)
	}
	words = append(words, p.values...)
	for _, f := range p.flags {
		words = append(words, "--"+f.Name)
	}
	return words
}

// cases is the body of a shell's case: one line for each pattern, in the syntax that bash and zsh share.
func cases(all []place, each func(place) (pattern, do string)) string {
	var b strings.Builder
	for _, p := range all {
		if pattern, do := each(p); pattern != "" {
			fmt.Fprintf(&b, "    %s) %s ;;\n", pattern, do)
		}
	}
	return b.String()
}

// steps are the cases in which a word leads on from a place.
func steps(p place) (pattern, do string) {
	var from []string
	for _, c := range p.commands {
		from = append(from, fmt.Sprintf("%q", p.path+" "+c.Name))
	}
	return strings.Join(from, "|"), `at="$at $word"`
}

// takers are the cases in which the word before is a flag that takes a value: one of some, or an open one.
func takers(some func(values []string) string, open string) func(place) (pattern, does string) {
	return func(p place) (string, string) {
		var lines, flags []string
		for _, f := range p.flags {
			of := fmt.Sprintf("%q", p.path+" --"+f.Name)
			if values := choices(p.path, f.Value); len(values) > 0 {
				lines = append(lines, fmt.Sprintf("%s) %s ;;", of, some(values)))
			} else if !f.IsBool() {
				flags = append(flags, of)
			}
		}
		return strings.Join(append(lines, strings.Join(flags, "|")), "\n    "), open
	}
}

const bashScript = `# Completion of orderflow in bash.
_orderflow() {
  local cur="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" at=orderflow word words=
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$at $word" in
%s    esac
  done
  case "$at $before" in
%s  esac
  case "$at" in
%s  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _orderflow orderflow`

func bash(all []place) string {
	return fmt.Sprintf(bashScript, cases(all, steps), cases(all, takers(func(values []string) string {
		return fmt.Sprintf(`COMPREPLY=($(compgen -W %q -- "$cur")); return`, strings.Join(values, " "))
	}, `COMPREPLY=($(compgen -f -- "$cur")); return`)), cases(all, func(p place) (string, string) {
		return fmt.Sprintf("%q", p.path), fmt.Sprintf("words=%q", strings.Join(p.words(), " "))
	}))
}

const zshScript = `#compdef orderflow
# Completion of orderflow in zsh.
_orderflow() {
  local before="$words[CURRENT-1]" at=orderflow word
  local -a found
  for word in "${(@)words[2,CURRENT-1]}"; do
    case "$at $word" in
%s    esac
  done
  case "$at $before" in
%s  esac
  case "$at" in
%s  esac
  compadd -a found || _files
}
compdef _orderflow orderflow`

func zsh(all []place) string {
	return fmt.Sprintf(zshScript, cases(all, steps), cases(all, takers(func(values []string) string {
		return fmt.Sprintf("found=(%s); compadd -a found; return", strings.Join(values, " "))
	}, `_files; return`)), cases(all, func(p place) (string, string) {
		return fmt.Sprintf("%q", p.path), fmt.Sprintf("found=(%s)", strings.Join(p.words(), " "))
	}))
}

//nolint:dupword // it has one end after another
const fishScript = `# Completion of orderflow in fish.
function __orderflow_at
  set -l at orderflow
  for word in (commandline -opc)[2..-1]
    switch "$at $word"
      case %s
        set at "$at $word"
    end
  end
  test "$at" = "$argv[1]"
end
complete -c orderflow -e
%s`

func fish(all []place) string {
	var from []string
	var lines strings.Builder
	for _, p := range all {
		for _, c := range p.commands {
			from = append(from, "'"+p.path+" "+c.Name+"'")
		}
		add := func(format string, args ...any) {
			fmt.Fprintf(&lines, "complete -c orderflow -n '__orderflow_at \"%s\"' "+format+"\n", append([]any{p.path}, args...)...)
		}
		for _, c := range p.commands {
			add("-f -a %s -d '%s'", c.Name, clause(c.Help))
		}
		for _, v := range p.values {
			add("-f -a %s", v)
		}
		for _, f := range p.flags {
			takes := ""
			if values := choices(p.path, f.Value); len(values) > 0 {
				takes = fmt.Sprintf(" -x -a '%s'", strings.Join(values, " "))
			} else if !f.IsBool() {
				takes = " -r"
			}
			add("-l %s%s -d '%s'", f.Name, takes, clause(f.Help))
		}
	}
	return fmt.Sprintf(fishScript, strings.Join(from, " "), strings.TrimSuffix(lines.String(), "\n"))
}

// clause is the first clause of a help text, for single quotes of fish.
func clause(help string) string {
	help, _, _ = strings.Cut(help, ". ")
	return strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", " ").Replace(help)
}

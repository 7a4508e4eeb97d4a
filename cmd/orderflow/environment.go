package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"orderflow/internal/spelling"
)

const envPrefix = "ORDERFLOW_"

// notOurs matches variables with the prefix that are set by others for others: those of the
// tests, the scripts and compose.yaml, and those with which Kubernetes and Docker name services.
var notOurs = regexp.MustCompile(`^ORDERFLOW_(BIN|VERSION|TEST_.*|CHAOS_.*|[A-Z]+_PASSWORD|(.*_)?SERVICE_(HOST|PORT.*)|(.*_)?PORT(_[0-9]+_(TCP|UDP|SCTP).*)?)$`)

// strangeVariables tells of each variable of the environment that looks like one of this
// program's and is none.
func strangeVariables(app *kong.Application, environ []string) (warnings []string) {
	known := variables(app.Node)
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		rest, ours := strings.CutPrefix(name, envPrefix)
		if !ours || slices.Contains(known, strings.ToLower(rest)) && rest == strings.ToUpper(rest) || notOurs.MatchString(name) {
			continue
		}
		hint := ""
		if meant, found := spelling.Closest(rest, known); found {
			hint = fmt.Sprintf(": did you mean %s%s?", envPrefix, strings.ToUpper(meant))
		}
		warnings = append(warnings, fmt.Sprintf("the variable %s is set and no command reads it%s", name, hint))
	}
	slices.Sort(warnings)
	return warnings
}

// variables are the names that a node and its commands read, in lower case and without the
// prefix.
func variables(node *kong.Node) (names []string) {
	for _, f := range node.Flags {
		for _, name := range f.Envs {
			names = append(names, strings.ToLower(strings.TrimPrefix(name, envPrefix)))
		}
	}
	for _, child := range node.Children {
		names = append(names, variables(child)...)
	}
	return names
}

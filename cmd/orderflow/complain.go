package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// nodeError is why a node that ran has ended.
type nodeError struct {
	node string
	error
}

func (e *nodeError) Unwrap() error { return e.error }

// complain prints why the program ends, and a hint if there is one. For a node whose log is JSON it
// prints JSON too, whatever the error was.
func complain(stderr io.Writer, args []string, err error, hint string) {
	if !logsJSON(args) {
		_, _ = fmt.Fprintf(stderr, "orderflow: %s\n", visible(err.Error()))
		if hint != "" {
			_, _ = fmt.Fprintln(stderr, hint)
		}
		return
	}
	log, _ := newLog(stderr, "info", "json") // of which there are such
	entry := log.WithField("part", "node").WithError(err)
	var ended *nodeError
	if errors.As(err, &ended) {
		entry = entry.WithField("node", ended.node)
	}
	if hint != "" {
		entry = entry.WithField("hint", hint)
	}
	entry.Error("the node ends because of an error")
}

// logsJSON says whether arguments ask for a node whose log is JSON, even if other arguments are wrong.
func logsJSON(args []string) bool {
	format := os.Getenv("ORDERFLOW_LOG_FORMAT")
	for i, a := range args {
		value, given := strings.CutPrefix(a, "--log-format=")
		switch {
		case given:
			format = value
		case a == "--log-format" && i+1 < len(args):
			format = args[i+1]
		}
	}
	return slices.Contains(args, "serve") && format == "json"
}

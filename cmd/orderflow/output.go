package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// The exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// errFound says that a command did its work and found something wrong, which it has
// printed.
var errFound = errors.New("something is wrong")

// output is where a command prints.
type output struct {
	w     io.Writer // results; a screen if it is a terminal
	notes io.Writer // everything else

	warnings []string // of the environment, for those who run the program
	offers   offers   // completes commands that are offered
}

// warn prints the warnings.
func (o *output) warn() {
	for _, w := range o.warnings {
		o.notef("orderflow: warning: %s", w)
	}
}

// json prints v, indented.
func (o *output) json(v any) error {
	enc := json.NewEncoder(o.w) // which writes it at once
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// table prints rows in columns under a header. Cells are any values; see cell.
func (o *output) table(header string, rows [][]any) error {
	tw := tabwriter.NewWriter(o.w, 0, 0, 2, ' ', 0)
	lines := []string{strings.Join(strings.Fields(header), "\t")}
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, c := range row {
			cells[i] = cell(c)
		}
		lines = append(lines, strings.Join(cells, "\t"))
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(tw, line); err != nil {
			return fmt.Errorf("print: %w", err)
		}
	}
	return tw.Flush()
}

// sayf prints one line of a result.
func (o *output) sayf(format string, args ...any) error {
	_, err := io.WriteString(o.w, visible(fmt.Sprintf(format+"\n", args...)))
	return err
}

// notef prints one line that is not a result. That it cannot be printed is no reason to
// stop.
func (o *output) notef(format string, args ...any) {
	_, _ = io.WriteString(o.notes, visible(o.offers.text(fmt.Sprintf(format+"\n", args...))))
}

// nowAndThen is notef at most once a second, for how far a long command is. quiet leaves it out.
func (o *output) nowAndThen(quiet bool) func(format string, args ...any) {
	last := time.Now()
	return func(format string, args ...any) {
		if !quiet && time.Since(last) >= time.Second {
			last = time.Now()
			o.notef(format, args...)
		}
	}
}

// countOf is a number of things: "1 item", "2 items". The plural of what has an s.
func countOf[N int | int64](n N, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// cell is how a value looks in a table: times to the millisecond, "-" for nothing, one
// line always, and visible.
func cell(v any) string {
	var s string
	switch v := v.(type) {
	case time.Time:
		if !v.IsZero() {
			s = v.UTC().Format("2006-01-02 15:04:05.000")
		}
	case *time.Time:
		if v != nil {
			return cell(*v)
		}
	case *string:
		if v != nil {
			s = *v
		}
	default:
		s = fmt.Sprint(v)
	}
	if s = strings.Join(strings.Fields(s), " "); s == "" {
		return "-"
	}
	return visible(s)
}

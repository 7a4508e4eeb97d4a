package console

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"orderflow/domain"
)

// eventsShown bounds the events of a page.
const eventsShown = 100

// eventList is a page of the events of an order, the newest first.
type eventList struct {
	Rows  []eventLine
	Total int
	First int // version of the oldest shown
	Older int // versions below this are on the next page; 0 if there are none
	Newer bool
}

// eventLine is an event as the page shows it.
type eventLine struct {
	Version  int
	At       time.Time
	NewDay   bool // the event above it was on another day
	Type     string
	Mark     mark
	What     string
	RetryOf  string
	Cut      bool // there is more than What
	Actor    string
	Node     string
	RunBy    string
	Position int64
}

// listEvents are the events before the version that a query asks for with before, or else the newest.
func listEvents(events []domain.Recorded, query url.Values) eventList {
	l := eventList{Total: len(events)}
	end := len(events)
	if before, err := strconv.Atoi(query.Get("before")); err == nil && before > 1 && before <= end {
		end, l.Newer = before-1, true
	}
	start := max(0, end-eventsShown)
	for i := end - 1; i >= start; i-- {
		line := lineOf(events[i])
		line.NewDay = i == end-1 || day(line.At) != day(events[i+1].RecordedAt)
		l.Rows = append(l.Rows, line)
	}
	l.First = start + 1
	if start > 0 {
		l.Older = start + 1
	}
	return l
}

// eventMarks are the marks of events, by their types.
var eventMarks = map[string]mark{
	"OrderPlaced": {Icon: "pending", Tone: "idle"}, "StepStarted": {Icon: "running", Tone: "run"}, "StepCompleted": {Icon: "completed", Tone: "ok"},
	"StepFailed": {Icon: "failed", Tone: "bad"}, "StepInterrupted": {Icon: "interrupted", Tone: "warn"}, "StepRolledBack": {Icon: "rollback", Tone: "warn"},
	"OrderCompleted": {Icon: "ended", Tone: "ok"}, "OrderFailed": {Icon: "ended", Tone: "bad"}, "OrderCancelled": {Icon: "ended", Tone: "idle"},
	"OrderCancelRequested": {Icon: "cancelled", Tone: "warn"}, "OrderFailRequested": {Icon: "cancelled", Tone: "bad"},
	"OrderParked": {Icon: "parked", Tone: "warn"}, "OrderResumed": {Icon: "flat", Tone: "run"},
}

// mostSaid bounds what a line says of an event.
const mostSaid = 300

func lineOf(e domain.Recorded) eventLine {
	m, known := eventMarks[e.Type]
	if !known {
		m = mark{Icon: "info", Tone: "idle"}
	}
	m.Word = e.Type
	l := eventLine{
		Version: e.Version, At: e.RecordedAt, Type: e.Type, Mark: m, Position: e.Position,
		Actor: e.Metadata.Actor, Node: e.Metadata.Node, RunBy: e.Metadata.RunBy,
	}
	what := said(e.Event)
	l.What, l.Cut = cut(what, mostSaid), len(what) > mostSaid
	if p, is := e.Event.(domain.OrderPlaced); is && !p.RetryOf.IsZero() {
		l.RetryOf = p.RetryOf.String()
	}
	return l
}

// said is what an event says, in a line.
func said(e domain.Event) string {
	switch e := e.(type) {
	case domain.OrderPlaced:
		return saidOf(e)
	case domain.StepStarted:
		return try(e.Step, e.Attempt, e.Node, "")
	case domain.StepCompleted:
		return try(e.Step, e.Attempt, e.Node, "")
	case domain.StepFailed:
		return try(e.Step, e.Attempt, e.Node, ": "+e.Error)
	case domain.StepInterrupted:
		return try(e.Step, e.Attempt, e.Node, ": "+e.Reason)
	case domain.StepRolledBack:
		return try(e.Step, e.Attempt, e.Node, "")
	case domain.OrderParked:
		return fmt.Sprintf("at %s: %s", e.Step, e.Reason)
	case domain.OrderFailed:
		return fmt.Sprintf("%s: %s", e.Step, e.Reason)
	}
	return reasonOf(e)
}

func try(step domain.Step, attempt int, node, why string) string {
	return fmt.Sprintf("%s, attempt %d on %s", step, attempt, node) + why
}

func saidOf(e domain.OrderPlaced) string {
	var parts []string
	if e.TrackingID != "" {
		parts = append(parts, "tracking id "+e.TrackingID)
	}
	if e.Customer != "" {
		parts = append(parts, "customer "+e.Customer)
	}
	detail := "no detail"
	if n := len(e.Detail); n > 0 {
		detail = fmt.Sprintf("detail of %s bytes", count(int64(n)))
	}
	return strings.Join(append(parts, detail), ", ")
}

// reasonOf is the reason that an operator gave.
func reasonOf(e domain.Event) string {
	switch e := e.(type) {
	case domain.OrderCancelRequested:
		if e.Now {
			return "the step that runs is cut short: " + e.Reason
		}
		return e.Reason
	case domain.OrderFailRequested:
		return e.Reason
	case domain.OrderCancelled:
		return e.Reason
	case domain.OrderResumed:
		return e.Reason
	}
	return ""
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// instant is the time of day to the millisecond, in UTC.
func instant(t time.Time) string { return t.UTC().Format("15:04:05.000") }

// sentence is a text that begins with a capital letter.
func sentence(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}

package console

import (
	"fmt"
	"strings"
)

// mark is how a state is shown: a shape, a tone and its word. The word is that of the API.
type mark struct {
	Word string
	Icon string
	Tone string // idle, run, ok, warn, bad
	// Tag fills its ground: it needs a person.
	Tag bool
}

// marks are those of states, nodes, verdicts, alarms and trends, by their words.
var marks = map[string]mark{
	// orders and steps
	"Pending": {Icon: "pending", Tone: "idle"}, "Scheduling": {Icon: "s1", Tone: "run"}, "PreProcessing": {Icon: "s2", Tone: "run"},
	"Processing": {Icon: "s3", Tone: "run"}, "PostProcessing": {Icon: "s4", Tone: "run"}, "RollingBack": {Icon: "rollback", Tone: "warn"},
	"Completed": {Icon: "completed", Tone: "ok"}, "Failed": {Icon: "failed", Tone: "bad"}, "Cancelled": {Icon: "cancelled", Tone: "idle"},
	"Parked": {Icon: "parked", Tone: "warn", Tag: true}, "Running": {Icon: "running", Tone: "run"},
	"Interrupted": {Icon: "interrupted", Tone: "warn"}, "RolledBack": {Icon: "rollback", Tone: "idle"},
	// topics
	"scheduling": {Icon: "s1", Tone: "run"}, "pre-processing": {Icon: "s2", Tone: "run"}, "processing": {Icon: "s3", Tone: "run"},
	"post-processing": {Icon: "s4", Tone: "run"}, "rollback": {Icon: "rollback", Tone: "warn"},
	// nodes
	"alive": {Icon: "alive", Tone: "ok"}, "draining": {Icon: "drain", Tone: "idle"}, "cordoned": {Icon: "cordon", Tone: "warn"},
	"lost": {Icon: "lost", Tone: "bad"},
	// verdicts
	"progressing": {Icon: "running", Tone: "run"}, "waiting": {Icon: "clock", Tone: "idle"}, "waiting_for_capacity": {Icon: "capacity", Tone: "warn"},
	"blocked": {Icon: "blocked", Tone: "bad"}, "ended": {Icon: "ended", Tone: "ok"}, "inconsistent": {Icon: "inconsistent", Tone: "bad", Tag: true},
	"unknown": {Icon: "info", Tone: "idle"},
	// alarms
	"critical": {Icon: "crit", Tone: "bad", Tag: true}, "warning": {Icon: "warn", Tone: "warn", Tag: true},
	// trends, and what else is told
	"growing": {Icon: "up", Tone: "warn"}, "shrinking": {Icon: "down", Tone: "idle"}, "steady": {Icon: "flat", Tone: "idle"},
	"paused": {Icon: "cordon", Tone: "warn", Tag: true}, "stopping": {Icon: "drain", Tone: "warn"},
}

// markOf is the mark of a word. A word that has none is shown in grey.
func markOf(word any) mark {
	text := fmt.Sprint(word)
	m, known := marks[text]
	if !known {
		m = mark{Icon: "info", Tone: "idle"}
	}
	m.Word = strings.ReplaceAll(text, "_", " ")
	return m
}

// Plain is the mark without its ground: somebody knows already.
func (m mark) Plain() mark {
	m.Tag = false
	return m
}

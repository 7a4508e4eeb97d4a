package diagnosis

import (
	"time"

	"orderflow/domain"
)

// Verdict is how an order is, in a word.
type Verdict string

// The verdicts.
const (
	Progressing        Verdict = "progressing"          // somebody works on it, or is about to
	Waiting            Verdict = "waiting"              // for what comes by itself
	WaitingForCapacity Verdict = "waiting_for_capacity" // for a free worker
	Blocked            Verdict = "blocked"              // until somebody does something
	Ended              Verdict = "ended"
	Inconsistent       Verdict = "inconsistent" // what is stored contradicts itself
	Unknown            Verdict = "unknown"      // there is no such order, or it could not be told
)

// Answer is a diagnosis. Its JSON is that of the admin interface and of the command line.
type Answer struct {
	OrderID domain.OrderID `json:"order_id"`
	Verdict Verdict        `json:"verdict"`
	Reason  Reason         `json:"reason"`
	Summary string         `json:"summary"` // verdict and reason in a sentence
	Others  []Reason       `json:"other_reasons"`
	// Since is when that began, as far as it is known. Times of events are by the clock of the node that appended
	// them.
	Since time.Time `json:"since,omitzero"`
	// Unusual says that it has lasted longer than in 99 of 100 orders; nil if that is not known.
	Unusual  *bool    `json:"unusual,omitempty"`
	Evidence Evidence `json:"evidence"`
	Next     Next     `json:"next"`
	Actions  []Action `json:"actions"` // what somebody can do
	// AsOf is by the database's clock, or by that of this process if the nodes could not be read.
	AsOf time.Time `json:"as_of"`
	Gaps []Gap     `json:"could_not_be_read"`
}

// Evidence is what the answer rests on. What does not apply, or is not known, is left out.
type Evidence struct {
	Status        domain.Status `json:"status,omitempty"`
	Step          domain.Step   `json:"step,omitempty"` // that runs or is next, or is to be rolled back next
	Version       int           `json:"version,omitempty"`
	Partition     int           `json:"partition"`
	Position      int64         `json:"position,omitempty"` // of the last event
	LastEvent     string        `json:"last_event,omitempty"`
	LastEventAt   time.Time     `json:"last_event_at,omitzero"`
	Message       string        `json:"message,omitempty"` // that is due: GROUP:TOPIC/PARTITION/POSITION
	Node          string        `json:"node,omitempty"`    // that has it in hand
	Epoch         int64         `json:"epoch,omitempty"`
	Attempt       int           `json:"attempt,omitempty"`
	Interruptions int           `json:"interruptions,omitempty"`
	Heartbeat     time.Time     `json:"heartbeat_at,omitzero"`        // the node's last
	LeaseLeft     *float64      `json:"lease_left_seconds,omitempty"` // 0 or less: it has ended
	NextRetry     time.Time     `json:"next_retry_at,omitzero"`       // not before
	LastError     string        `json:"last_error,omitempty"`         // of an attempt that failed or was interrupted
	Letter        string        `json:"letter,omitempty"`             // the dead letter
	Usual         *Usual        `json:"usual,omitempty"`              // how long the step that is due runs or, if its message waits, waits
	Place         *Place        `json:"place_in_queue,omitempty"`     // of the message that is due
	Pause         *Pause        `json:"pause,omitempty"`              // of the step that is due
	Workers       *Workers      `json:"workers,omitempty"`            // of the live nodes
	ViewVersion   *int          `json:"view_version,omitempty"`       // of the order in lists; 0: it is not in them
	Faults        []string      `json:"faults,omitempty"`             // of the stream, the first few
}

// Pause says who paused a step, why and when.
type Pause struct {
	Step   domain.Step `json:"step"`
	Actor  string      `json:"actor"`
	Reason string      `json:"reason"`
	Since  time.Time   `json:"since"`
}

// Workers are the live nodes with the role worker, as of their last heartbeats.
type Workers struct {
	Nodes    int `json:"nodes"`
	Draining int `json:"draining"` // of the nodes, those that are cordoned among them
	Slots    int `json:"slots"`    // of those that do not drain
	Busy     int `json:"busy"`     // of the slots
}

// Next is what happens by itself, and from when on, if that is known.
type Next struct {
	What      string    `json:"what"`
	NotBefore time.Time `json:"not_before,omitzero"` // by the database's clock
}

// Action is something that somebody can do.
type Action struct {
	Command string `json:"command"`
	Effect  string `json:"effect"`
}

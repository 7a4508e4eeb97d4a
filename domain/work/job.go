package work

import (
	"encoding/json"
	"errors"
	"time"
)

// Job is what an operator wants done to many things, one after the other.
type Job struct {
	ID     OperationID       `json:"id"` // of the operation that ordered it
	Kind   string            `json:"kind"`
	State  string            `json:"state"` // one of the Job constants
	Actor  string            `json:"actor"`
	Reason string            `json:"reason"`
	About  map[string]string `json:"about"` // what else is known of who ordered it
	// Filter is what the selection was made by, as the kind of the job reads it.
	Filter json.RawMessage `json:"filter"`
	// Positions are the last of each partition of the log when the selection was begun.
	Positions []int64 `json:"positions"`
	Rate      int     `json:"rate"`  // items a second at most
	Total     int     `json:"total"` // items that were selected
	JobCounts
	JobTimes
	EndedBy   string `json:"ended_by,omitempty"` // who stopped it
	EndReason string `json:"end_reason,omitempty"`
}

// JobCounts is how many items of a job have ended, and how.
type JobCounts struct {
	Done    int `json:"done"`
	Skipped int `json:"skipped"` // they were not any more what was selected
	Failed  int `json:"failed"`
}

// JobTimes are the times of a job, by the clocks of those who wrote them.
type JobTimes struct {
	CreatedAt time.Time `json:"created_at"`
	StartedAt time.Time `json:"started_at,omitzero"` // when it was confirmed
	EndedAt   time.Time `json:"ended_at,omitzero"`
}

// The states of a job.
const (
	JobFreezing = "freezing" // its items are being selected; nothing is done to them
	JobRunning  = "running"
	JobStopped  = "stopped" // by an operator: nothing more is done
	JobEnded    = "ended"   // every item has ended
)

// JobEnd is how a job is to end.
type JobEnd struct {
	State  string // JobStopped or JobEnded
	By     string // who stops it
	Reason string
	At     time.Time
}

// Left is how many items have not ended.
func (j *Job) Left() int { return j.Total - j.Done - j.Skipped - j.Failed }

// JobItem is one thing that a job is about, as it was when it was selected, and what became of it.
type JobItem struct {
	Seq     int       `json:"seq"`           // its place in the job, from 1
	Subject string    `json:"subject"`       // the key of a dead letter, or the id of an order
	Seen    int       `json:"seen"`          // the attempt of the letter, or the version of the order
	State   string    `json:"state"`         // one of the Item constants
	Note    string    `json:"note"`          // why it was skipped or failed
	Ref     string    `json:"ref,omitempty"` // the event, or the operation, by which it was done
	EndedAt time.Time `json:"ended_at,omitzero"`
}

// The states of an item.
const (
	ItemWaiting = "waiting"
	ItemDone    = "done"
	ItemSkipped = "skipped"
	ItemFailed  = "failed"
)

var (
	// ErrItemEnded says that the item of a job has ended already.
	ErrItemEnded = errors.New("the item has ended")
	// ErrJobNotRunning says that a job is not running, or not any more.
	ErrJobNotRunning = errors.New("the job is not running")
)

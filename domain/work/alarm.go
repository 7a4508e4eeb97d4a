package work

import "time"

// AlarmCode says what an alarm is about; see handlers/operate.
type AlarmCode string

// AlarmID names an alarm. It is made as the ids of operations are.
type AlarmID = OperationID

// Alarm is something wrong that the watchdog has found, with what became of it. There is one open alarm at most of a code
// and a subject.
type Alarm struct {
	ID      AlarmID
	Code    AlarmCode
	Subject string // what it is about
	What    string // is wrong, as it was found last, for people
	// The times are of the database's clock; zero for what has not happened.
	RaisedAt, AcknowledgedAt, ClearedAt time.Time
	// AcknowledgedBy and Reason say who has seen it, and what for.
	AcknowledgedBy, Reason string
}

// The states of an alarm.
const (
	AlarmRaised       = "raised"
	AlarmAcknowledged = "acknowledged"
	AlarmCleared      = "cleared"
)

// State is one of the Alarm constants.
func (a Alarm) State() string {
	switch {
	case !a.ClearedAt.IsZero():
		return AlarmCleared
	case !a.AcknowledgedAt.IsZero():
		return AlarmAcknowledged
	}
	return AlarmRaised
}

// Watch is what the watchdog knows when a round begins.
type Watch struct {
	Round     int64     // the number of the last round; 0 if there was none
	Succeeded time.Time // when a round last did; zero if none has
	Now       time.Time // by the database's clock
	Notes     string    // what the last round left to the next, JSON
	Open      []Alarm
}

// WatchRound is what a round of the watchdog writes.
type WatchRound struct {
	After     int64 // the number of the round before
	Succeeded bool
	At        time.Time // when the round began, by the database's clock
	Notes     string
	Raised    []Alarm
	Changed   []Alarm // what is wrong has another text
	Cleared   []Alarm
}

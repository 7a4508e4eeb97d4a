package cluster

import (
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
)

// Answer is the cluster in one answer. Each part says as of when it is; what could not be read is among Unread, and its
// part is empty.
type Answer struct {
	AsOf         time.Time `json:"as_of"`  // by the database's clock; zero if it did not answer
	Wrong        []string  `json:"wrong"`  // what somebody should look at; see Answer.judge
	Wanted       []Wanted  `json:"wanted"` // what operators have set and not taken back: steps in front, then nodes that live
	Nodes        []Node    `json:"nodes"`
	MissingRoles []string  `json:"missing_roles"` // that no live node has
	Queues       *Waiting  `json:"queues"`        // null if it could not be read
	Alarms       []Alarm   `json:"alarms"`        // that are open, the latest in front, a hundred at most
	// WatchdogLate says that no round of the watchdog has succeeded for several times the time between them, or ever though
	// a node has lived for two minutes: alarms are not as of now.
	WatchdogLate bool `json:"watchdog_late"`
	// Projections are those of the same figure as the queues.
	Projections []Projection `json:"projections"`
	Last        []Period     `json:"last"` // minute, quarter, day
	Retention   Retention    `json:"retention"`
	Storage     *Storage     `json:"storage,omitempty"` // of a SQLite file
	Unread      []Gap        `json:"unread"`

	watched Watched
}

// Wanted is what operators want of a step or a node.
type Wanted struct {
	Of     string    `json:"of"`   // the name of the step or the node
	What   string    `json:"what"` // paused, cordoned, draining, stopping
	Actor  string    `json:"actor"`
	Reason string    `json:"reason"`
	Since  time.Time `json:"since"`
}

// Gap is a part of the answer that could not be read.
type Gap struct {
	Part string `json:"part"` // one of the Part constants
	Why  string `json:"why"`
}

// The parts that may not be readable.
const (
	PartNodes    = "nodes"
	PartControls = "controls"
	PartQueues   = "queues"
	PartMinute   = "last minute"
	PartDay      = "last day"
	PartStorage  = "storage"
	PartAlarms   = "alarms"
)

// The states of a node, as operators see it.
const (
	Alive    = "alive"
	Draining = "draining"
	Cordoned = "cordoned"
	Lost     = "lost"
)

// Node is a node that lives, or that was lost within the last hour and has not come back.
type Node struct {
	Node         string    `json:"node"`
	Epoch        int64     `json:"epoch"`
	State        string    `json:"state"` // one of the constants above
	Roles        []string  `json:"roles"`
	Slots        int       `json:"slots"`
	Busy         int       `json:"busy"` // at the last heartbeat
	Host         string    `json:"host"`
	Version      string    `json:"version"`
	StartedAt    time.Time `json:"started_at"`
	HeartbeatAt  time.Time `json:"heartbeat_at"`
	HeartbeatAge float64   `json:"heartbeat_age_seconds"`

	lately bool // its registration ended within lostLately
}

// Alarm is an alarm that is open.
type Alarm struct {
	Alarm    work.AlarmCode `json:"alarm"`
	Severity string         `json:"severity"` // critical, warning
	State    string         `json:"state"`    // raised, acknowledged
	Subject  string         `json:"subject"`
	What     string         `json:"what"`
	RaisedAt time.Time      `json:"raised_at"`
}

// Waiting is what waits and what is in hand.
type Waiting struct {
	AsOf     time.Time    `json:"as_of"`
	Node     string       `json:"node"` // that looked; empty if this process did
	Topics   []TopicQueue `json:"topics"`
	InFlight []InHand     `json:"in_flight"`
}

// TopicQueue is what waits on one topic.
type TopicQueue struct {
	Topic   string `json:"topic"`
	Waiting int64  `json:"waiting"` // messages behind the offset, up to Most
	More    bool   `json:"more"`    // there are more than Most
	// Returned is what was given back, or was a lost node's before, and waits in flight.
	Returned        int64    `json:"returned"`
	Oldest          *float64 `json:"oldest_seconds"` // how long the first has waited; null if none waits
	Paused          bool     `json:"paused"`
	InFlight        int64    `json:"in_flight"`
	DeadLetters     int64    `json:"dead_letters"`
	MoreDeadLetters bool     `json:"more_dead_letters"`
}

// InHand is what a node has in flight of a topic.
type InHand struct {
	Topic string `json:"topic"`
	Node  string `json:"node"`
	Count int64  `json:"count"`
}

// The trends of a projection's lag over a minute.
const (
	Growing   = "growing"
	Shrinking = "shrinking"
	Steady    = "steady"
	NotKnown  = "unknown" // nobody looked a minute ago
)

// Projection is how far a projection is, over all partitions.
type Projection struct {
	Projection string  `json:"projection"` // "orders", or "orders_next" while a rebuild fills it
	Position   int64   `json:"position"`   // the sum over partitions, as Head
	Head       int64   `json:"head"`
	Lag        int64   `json:"lag"`         // events
	LagSeconds float64 `json:"lag_seconds"` // since the first event was stored that is not applied
	Trend      string  `json:"trend"`
	Beyond     int64   `json:"beyond,omitempty"` // events that were applied and that the log does not have
}

// The names of periods whose steps others look at.
const (
	Minute = "minute"
	Day    = "day"
)

// Period is what happened in some time up to now.
type Period struct {
	Name    string    `json:"name"` // minute, quarter, day
	Seconds float64   `json:"seconds"`
	AsOf    time.Time `json:"as_of"` // up to when everything is counted
	Happened
	Steps []StepTimes `json:"steps"`
}

// Happened are Counts with every member written.
type Happened struct {
	Placed          int64 `json:"placed"`
	Completed       int64 `json:"completed"`
	Failed          int64 `json:"failed"`
	Cancelled       int64 `json:"cancelled"`
	Parked          int64 `json:"parked"`
	StepCompleted   int64 `json:"steps_completed"`
	StepFailed      int64 `json:"steps_failed"`
	StepInterrupted int64 `json:"steps_interrupted"`
	StepRolledBack  int64 `json:"steps_rolled_back"`
	TakenOver       int64 `json:"taken_over"`
	NodesLost       int64 `json:"nodes_lost"`
}

// StepTimes is how long one step waited and ran.
type StepTimes struct {
	Step domain.Step `json:"step"`
	Wait Quantiles   `json:"wait"`
	Run  Quantiles   `json:"run"`
}

// Quantiles are those of times, in seconds; zero if there were none.
type Quantiles struct {
	Count int64   `json:"count"`
	P50   float64 `json:"p50"`
	P95   float64 `json:"p95"`
	P99   float64 `json:"p99"`
}

// Retention is what is kept of messages.
type Retention struct {
	KeptFrom time.Time `json:"kept_from,omitzero"`     // the oldest message that there is, consumed or not
	Keep     float64   `json:"keep_seconds,omitempty"` // how long this node keeps consumed messages
}

// Storage is a SQLite file.
type Storage struct {
	Bytes int64 `json:"bytes"`
	WAL   int64 `json:"wal_bytes"` // its write-ahead log
}

// period is what a sum says of some time.
func period(name string, long time.Duration, asOf time.Time, s *Sum) Period {
	p := Period{Name: name, Seconds: long.Seconds(), AsOf: asOf, Happened: Happened(s.Counts), Steps: []StepTimes{}}
	for _, step := range domain.Steps() {
		t := s.times(step)
		p.Steps = append(p.Steps, StepTimes{Step: step, Wait: quantiles(t.Wait), Run: quantiles(t.Run)})
	}
	return p
}

func quantiles(s Spread) Quantiles {
	return Quantiles{Count: s.Count, P50: s.P50.Seconds(), P95: s.P95.Seconds(), P99: s.P99.Seconds()}
}

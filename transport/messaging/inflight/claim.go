package inflight

import (
	"time"

	"orderflow/domain/work"
)

// ClaimerConfig says how a Claimer works.
type ClaimerConfig struct {
	Group string // the consumer group
	Slots int    // how many messages the node handles at once
	// Ordered keeps one message of a topic in flight in the whole group.
	Ordered bool
	// AloneAfter is how many interruptions make a message of a lost node a suspect. None is claimed while
	// the node has one in hand.
	AloneAfter int
	// AdoptEvery is the time between looks for leases that the node does not know of. 30 s by default.
	AdoptEvery time.Duration
	// Draining says that no further messages are to be taken over. Optional.
	Draining func() bool
	// Losses hears of lost nodes, and of what was taken over from them.
	Losses *Losses
}

// Round is what a node brings along each time it comes to claim messages.
type Round struct {
	Tenure  work.Tenure
	Topics  []string // those that the node takes messages of, the first to be served first
	Free    int      // how many messages it has room for
	Suspect bool     // it has a suspect in hand; see ClaimerConfig.AloneAfter
	Acks    []Ack
	Last    bool // no round comes after it, so that acknowledgements whose rows were found locked are tried at once
}

// Claimed is what a claim of new messages brought.
type Claimed struct {
	Claims []Claim
	Stored []Ack // the acknowledgements that are stored
	Late   []Ack // those of them that came too late: their leases had ended
	Locked int   // the partitions that were passed over, since somebody had them locked
	Held   int   // the acknowledgements that were not stored, since somebody had their rows locked
}

// Ack is the end of a delivery that the database has to hear of.
type Ack struct {
	Lease work.Lease
	Done  bool           // the message was dealt with; otherwise it is given back
	Delay time.Duration  // before the next attempt, if it is given back
	About map[string]any // the fields of a log line about the message
}

// Claim is a message that a node has claimed.
type Claim struct {
	Lease    work.Lease
	UUID     string
	Payload  []byte
	Metadata []byte // see UnmarshalMetadata
	Suspect  bool   // see ClaimerConfig.AloneAfter
}

// Source is where messages wait: a partition of a topic, or, if Returned is set, the in-flight rows of a
// topic that were given back or are a lost node's.
type Source struct {
	Topic    string
	Returned bool

	partition int
	// last is the last position that was visible. All before it are visible too, since the messages of a
	// partition become visible in order.
	last int64
}

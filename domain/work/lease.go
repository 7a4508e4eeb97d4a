package work

// Row names an in-flight row, by the table's key. It never changes: a row that is passed on
// keeps the names of the message for which it was made.
type Row struct {
	Group         string
	FirstTopic    string
	Partition     int
	FirstPosition int64
}

// Lease is the right of one node to work on one message. It is a plain value: two leases
// are the same if they are equal. The zero value is no lease.
//
// A lease is good as long as
//
//	the row is there, with this topic's position, this node, epoch and attempt
//	and the database's clock is before the registration's last renewal + TTL
//
// The node itself trusts it for a shorter time, by its own monotonic clock:
//
//	trusted until = beginning of the last successful renewal + TTL - TTL/5
//
// The states of a row, and the settlements that lead from one to the next:
//
//	          claim, take-over: attempt + 1
//	nobody's ------------------------------> held by a node -- SettleDone --> gone
//	   ^                                      |   ^   |
//	   |   SettleReturn, HandBack, Release    |   |   +--- SettlePark --> dead letter
//	   +--------------------------------------+   |
//	   |   the registration ends                  +-- SettlePass: the same row,
//	   +------------------------                      the next message, attempt 1
//
//	SettleStart makes a row that is held from the beginning.
type Lease struct {
	Row
	Topic    string // of the message in hand
	Position int64  // of the message in hand; a row's positions only grow
	Registration
	Attempt int // deliveries of the message, from 1
	// Interruptions counts the attempts that ended without an outcome.
	Interruptions int
	// From is the registration that held the message under the attempt before and had ended;
	// the zero value if nobody held it, or if that is not known.
	From Owner
}

// IsZero says that l is no lease.
func (l Lease) IsZero() bool { return l == Lease{} }

// passedTo is the lease of the same row for the message of a topic at a position.
func (l Lease) passedTo(topic string, position int64) Lease {
	return Lease{Row: l.Row, Topic: topic, Position: position, Registration: l.Registration, Attempt: 1}
}

// startedAt is the lease of the row that is made for the message of a topic at a place.
func (l Lease) startedAt(topic string, partition int, position int64) Lease {
	l.Row = Row{Group: l.Group, FirstTopic: topic, Partition: partition, FirstPosition: position}
	return l.passedTo(topic, position)
}

// Settlement is what becomes of a lease when its outcome is appended.
type Settlement int

const (
	// SettleKeep checks that the lease is held and keeps it.
	SettleKeep Settlement = iota
	// SettleDone ends the lease: the message has been dealt with.
	SettleDone
	// SettleReturn gives the message back for another attempt and counts an interruption.
	SettleReturn
	// SettlePark moves the message to the dead letters.
	SettlePark
	// SettlePass ends the lease like SettleDone, and its row becomes that of the unit's one
	// message, held by the same node, at its first attempt. The message does not go through
	// the outbox.
	SettlePass
	// SettleStart makes a row for the unit's one message, held by a node from the beginning,
	// at its first attempt. The message does not go through the outbox. The lease of the unit
	// names group and registration alone; it is held if the node is registered so.
	SettleStart
	// SettleHandBack gives the message back, to be claimed at once. It counts no interruption:
	// the work was not at fault.
	SettleHandBack
	// SettleRelease gives the message back, for another node, and counts nothing.
	SettleRelease
)

// InHand says whether the unit's message goes to a lease of the node that appends it, and
// not through the outbox.
func (s Settlement) InHand() bool { return s == SettlePass || s == SettleStart }

// SettleRequest asks for one lease to be settled.
type SettleRequest struct {
	Lease  Lease
	Settle Settlement
	Reason string // for SettleReturn, SettleHandBack and SettlePark
}

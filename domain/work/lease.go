package work

// Row is the key of a row of the table inflight. It never changes: a row that is passed on to
// another message keeps the topic and the position of its first one.
type Row struct {
	Group         string
	FirstTopic    string
	Partition     int
	FirstPosition int64
}

// Lease is the right of one node to work on one message. A lease is a plain value: equal leases
// are the same lease, and the zero value is none.
//
// The database holds a node to its leases, and the node itself trusts them, until
//
//	held until    = time of the last successful renewal, by the database's clock  + TTL
//	trusted until = beginning of that renewal, by the node's own monotonic clock  + TTL - TTL/5
//
// A renewal is one update of the node's registration, for all its leases. A lease also ends when
// its row changes. These are the states of a row, and what leads from one to the next:
//
//	in the outbox  --- claim ----------------------------------------->  held, attempt 1
//	not there      --- SettleStart ----------------------------------->  held, attempt 1
//	free           --- claim ----------------------------------------->  held, attempt + 1
//	held           --- SettlePass ------------------------------------>  held, the next message, attempt 1
//	held           --- SettleDone ------------------------------------>  gone
//	held           --- SettlePark ------------------------------------>  gone, a dead letter
//	held           --- SettleReturn, SettleHandBack, SettleRelease --->  free
//	held           --- the registration expires, or is released ------>  free
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

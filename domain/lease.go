package domain

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// Lease is the right of one node to work on one message: a row of the in-flight
// table. It ends when the row is gone or names another node, epoch, attempt or message.
type Lease struct {
	Group     string
	Topic     string
	Partition int
	Position  int64
	// FirstTopic and FirstPosition are those of the message for which the row was made. They are
	// the row's name, with Group and Partition, and stay when the lease is passed on.
	FirstTopic    string
	FirstPosition int64

	Node    string
	Epoch   int64
	Attempt int // deliveries of the message, from 1
	// Interruptions counts the attempts that ended without an outcome.
	Interruptions int
	// From is the registration from which the message was taken over, and which had it under the
	// attempt before; nil if it was nobody's, or if that is not known.
	From *Owner

	// MayPass says whether the node would go on with the order's next step, a message of this
	// topic, at once and in the slot of this message; nil if never.
	MayPass func(topic string) bool

	settled atomic.Bool
	passed  atomic.Pointer[Passed]
	order   atomic.Pointer[Order]
}

// Passed is a lease that took the place of another, and its message.
type Passed struct {
	Lease   *Lease
	Message Message
}

// Owner is a node whose registration had ended while it held a message.
type Owner struct {
	Node string
	// Stopped says that the node had released its registration. Otherwise it had expired: what
	// became of the node is not known.
	Stopped bool
}

// PassOn says that in a committed transaction the lease has become another one of the
// same node, for message m at a position of the same partition.
func (l *Lease) PassOn(m Message, position int64) {
	l.passed.Store(&Passed{Message: m, Lease: &Lease{
		Group: l.Group, Topic: m.Topic, Partition: l.Partition, Position: position,
		FirstTopic: l.FirstTopic, FirstPosition: l.FirstPosition, Node: l.Node, Epoch: l.Epoch, Attempt: 1,
	}})
	l.MarkSettled()
}

// Passed is what PassOn said, or nil.
func (l *Lease) Passed() *Passed { return l.passed.Load() }

// Carry gives the lease its order along, as it was after the transaction in which the lease
// was taken or passed on, or later; so that the handler of its message need not load it.
// Only what has been committed may go along. The lease has o from here on.
func (l *Lease) Carry(o *Order) { l.order.Store(o) }

// Carried is what Carry gave along, nil if there is nothing. It is there once: whoever gets it
// may change it.
func (l *Lease) Carried() *Order { return l.order.Swap(nil) }

// MarkSettled says that the lease has ended in a committed transaction, or is known
// to be lost, so that acknowledging the message has nothing left to do.
func (l *Lease) MarkSettled() { l.settled.Store(true) }

// Settled says whether MarkSettled was called.
func (l *Lease) Settled() bool { return l.settled.Load() }

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
	// SettlePass ends the lease like SettleDone and gives the node the lease of the append's
	// one message in its place, as its first attempt. The message does not go through the
	// outbox.
	SettlePass
	// SettleTake gives the node a lease that it does not have yet, for the append's one
	// message, as its first attempt. The message does not go through the outbox. The lease
	// names group, topic, node and epoch, and is held as long as the node is registered under
	// that epoch; its other places become those of the message.
	SettleTake
	// SettleHandBack gives the message back, to be claimed at once. It counts no interruption:
	// the work was not at fault.
	SettleHandBack
	// SettleRelease gives the message back, for another node, and counts nothing.
	SettleRelease
)

// SettleRequest asks for one lease to be settled.
type SettleRequest struct {
	Lease  *Lease
	Settle Settlement
	Reason string // for SettleReturn, SettleHandBack and SettlePark
}

type leaseKey struct{}

// WithLease puts the lease under which a message was delivered into its context.
func WithLease(ctx context.Context, l *Lease) context.Context {
	return context.WithValue(ctx, leaseKey{}, l)
}

// LeaseFrom is the lease that WithLease put into ctx, or nil.
func LeaseFrom(ctx context.Context) *Lease {
	l, _ := ctx.Value(leaseKey{}).(*Lease)
	return l
}

// Tenure is the time during which a node may hold leases: one registration of it.
type Tenure struct {
	Node  string
	Epoch int64
	// Context ends before the node's leases can end, by the node's own monotonic clock.
	Context context.Context
}

// The states of a node.
const (
	NodeActive   = "active"
	NodeDraining = "draining"
	NodeStopped  = "stopped"
	NodeLost     = "lost" // its registration expired and another node took its work
	// NodeUnregistered is what a node says of itself while it has no registration that may be
	// relied on; it is never stored.
	NodeUnregistered = "unregistered"
)

// Node is one registration of a node, as the database holds it.
type Node struct {
	Node        string
	Epoch       int64
	State       string // NodeActive, NodeDraining, NodeStopped
	Slots       int    // workers
	Busy        int    // workers with work, at the last heartbeat
	Host        string
	PID         int
	Version     string // of the program
	Roles       string // "api,worker,projector"
	Admin       string // address of the node's admin interface
	StartedAt   time.Time
	HeartbeatAt time.Time
	ExpiresAt   time.Time
	EventLevel  int // the highest level of events that it reads (see EventLevel)
	// Expired says that by the database's clock its leases are no longer good.
	Expired bool
}

// NameTakenError says that another registration under a node's name is good.
type NameTakenError struct {
	Holder Node // as it was read: its epoch, host, PID, admin address and times
}

func (e *NameTakenError) Error() string {
	return fmt.Sprintf("the name %s is taken by another registration, of host %s, process %d, which is good until %s",
		e.Holder.Node, e.Holder.Host, e.Holder.PID, e.Holder.ExpiresAt.UTC().Format(time.RFC3339Nano))
}

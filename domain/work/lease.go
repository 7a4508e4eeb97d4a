package work

import (
	"context"
	"sync/atomic"

	"orderflow/domain"
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
	order   atomic.Pointer[domain.Order]
}

// Passed is a lease that took the place of another, and its message.
type Passed struct {
	Lease   *Lease
	Message Message
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
func (l *Lease) Carry(o *domain.Order) { l.order.Store(o) }

// Carried is what Carry gave along, nil if there is nothing. It is there once: whoever gets it
// may change it.
func (l *Lease) Carried() *domain.Order { return l.order.Swap(nil) }

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

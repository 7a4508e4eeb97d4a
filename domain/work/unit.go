package work

import (
	"fmt"
	"slices"
	"time"

	"orderflow/domain"
)

// Unit is one unit of work for the event store: the events that one decision made,
// the messages that tell others of them, and the lease under which it was made. All
// of it is committed, or none.
type Unit struct {
	OrderID  domain.OrderID
	Expected int // version the decision was made on; 0 for a new order
	Events   []domain.Event
	Metadata domain.Metadata // of the events but those in Other; Schema is filled in by the store
	// Other is the metadata of events that came about in another way, by their index.
	Other    map[int]domain.Metadata
	Messages []Message
	// Lease, if there is one, must still be held, and is settled as Settle says.
	Lease  Lease
	Settle Settlement
	// Reason says why, for SettleReturn, SettleHandBack and SettlePark.
	Reason string
	// Reservations are keys that no other order may hold.
	Reservations []Reservation
}

// Reservation is a key (tracking id, idempotency key) that names one order for ever.
type Reservation struct {
	Key         string   // see domain.ReservedKey
	Fingerprint [32]byte // SHA-256 of the request, to tell a repeat from another order
}

// Message tells the consumers of a topic of one event.
type Message struct {
	Topic    string
	Event    int // index into Unit.Events of the event that causes the message
	UUID     string
	Payload  []byte
	Metadata map[string]string
}

// OutboxMessage is a message at the place in the log of the event that causes it.
type OutboxMessage struct {
	Message
	Partition int
	Position  int64
	At        time.Time
}

// Pass is a message that does not go through the outbox: its row is that of the lease under
// which it was appended (SettlePass), or is made for it (SettleStart).
type Pass struct {
	Lease   Lease // the unit's
	Message OutboxMessage
}

// Outcome is what an append did.
type Outcome struct {
	Events []domain.Recorded
	// Next is what the node has in hand after SettlePass or SettleStart; otherwise nil.
	Next *Next
}

// Next is a message that a node has in hand from the commit on which it was appended.
type Next struct {
	Lease   Lease
	Message Message
}

// Outcome is the outcome of the unit when its events were recorded so.
func (u *Unit) Outcome(recorded []domain.Recorded) Outcome {
	o := Outcome{Events: recorded}
	if !u.Settle.InHand() {
		return o
	}
	m := u.Messages[0]
	at := recorded[m.Event]
	if o.Next = (&Next{Lease: u.Lease.passedTo(m.Topic, at.Position), Message: m}); u.Settle == SettleStart {
		o.Next.Lease = u.Lease.startedAt(m.Topic, at.Partition, at.Position)
	}
	return o
}

// Prepare decides commands one after the other on o and makes the unit of work that
// records them, with the messages that follow (see FollowUp). o is not changed; of a
// new order it has the ID alone.
func Prepare(o *domain.Order, meta domain.Metadata, commands ...domain.Command) (Unit, error) {
	u := Unit{OrderID: o.ID, Expected: o.Version, Metadata: meta}
	for i, c := range commands {
		events, err := o.Decide(c)
		if err != nil {
			return Unit{}, err
		}
		u.Events = append(u.Events, events...)
		if i == len(commands)-1 {
			break
		}
		if o, err = o.After(events); err != nil {
			return Unit{}, err
		}
	}
	for i, e := range u.Events {
		if topic, follows := FollowUp(e); follows {
			u.Messages = append(u.Messages, u.message(i, topic))
		}
	}
	return u, nil
}

// Then adds to a unit that opens an order what commands decide after it, with metadata of
// their own. It is for commands that nobody else has to hear of.
func (u Unit) Then(meta domain.Metadata, commands ...domain.Command) (Unit, error) {
	if u.Expected != 0 {
		return Unit{}, fmt.Errorf("%w: order %s is not opened by a unit decided on version %d", domain.ErrInvalid, u.OrderID, u.Expected)
	}
	o, err := (&domain.Order{ID: u.OrderID}).After(u.Events)
	if err != nil {
		return Unit{}, err
	}
	more, err := Prepare(o, meta, commands...)
	if err != nil {
		return Unit{}, err
	}
	if len(more.Messages) > 0 {
		return Unit{}, fmt.Errorf("%w: order %s: what follows its opening asks for %s", domain.ErrInvalid, u.OrderID, more.Messages[0].Topic)
	}
	u.Other = make(map[int]domain.Metadata, len(more.Events))
	for i := range more.Events {
		u.Other[len(u.Events)+i] = meta
	}
	u.Events = append(slices.Clip(u.Events), more.Events...)
	return u, nil
}

// MetadataOf is the metadata of the event with index i.
func (u *Unit) MetadataOf(i int) domain.Metadata {
	if m, other := u.Other[i]; other {
		return m
	}
	return u.Metadata
}

func (u *Unit) message(event int, topic string) Message {
	eventID := domain.EventID(u.OrderID, u.Expected+event+1)
	m := Message{Topic: topic, Event: event, UUID: eventID, Payload: EncodePayload(u.OrderID)}
	m.Metadata = map[string]string{MetadataCausation: eventID}
	if u.Metadata.CorrelationID != "" {
		m.Metadata[MetadataCorrelation] = u.Metadata.CorrelationID
	}
	if u.Metadata.TraceParent != "" {
		m.Metadata[MetadataTraceParent] = u.Metadata.TraceParent
	}
	return m
}

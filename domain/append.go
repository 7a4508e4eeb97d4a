package domain

import (
	"fmt"
	"slices"
	"time"
)

// Append is one unit of work for the event store: the events that one decision made,
// the messages that tell others of them, and the lease under which it was made. All
// of it is committed, or none.
type Append struct {
	OrderID  OrderID
	Expected int // version the decision was made on; 0 for a new order
	Events   []Event
	Metadata Metadata // of the events but those in Other; Schema is filled in by the store
	// Other is the metadata of events that came about in another way, by their index.
	Other    map[int]Metadata
	Messages []Message
	// Lease, if not nil, must still be held, and is settled as Settle says.
	Lease  *Lease
	Settle Settlement
	// Reason says why, for SettleReturn, SettleHandBack and SettlePark.
	Reason string
	// Reservations are keys that no other order may hold.
	Reservations []Reservation
}

// Reservation is a key (tracking id, idempotency key) that names one order for ever.
type Reservation struct {
	Key         string   // see ReservedKey
	Fingerprint [32]byte // SHA-256 of the request, to tell a repeat from another order
}

// Message tells the consumers of a topic of one event.
type Message struct {
	Topic    string
	Event    int // index into Append.Events of the event that causes the message
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

// Pass is a message that takes the place of the lease under which it was appended, or is
// the first of a lease taken with it.
type Pass struct {
	Lease   *Lease
	Message OutboxMessage
}

// Prepare decides commands one after the other on o and makes the unit of work that
// records them, with the messages that follow (see FollowUp). o is not changed.
func Prepare(o Order, id OrderID, meta Metadata, commands ...Command) (Append, error) {
	o.ID = id // of a new order it is not known yet
	a, err := o.Prepare(&meta, commands...)
	if err != nil {
		return Append{}, err
	}
	return *a, nil
}

// Prepare is the function Prepare for an order that is at hand.
func (o *Order) Prepare(meta *Metadata, commands ...Command) (*Append, error) {
	a := &Append{OrderID: o.ID, Expected: o.Version, Metadata: *meta}
	for i, c := range commands {
		events, err := o.decide(c)
		if err != nil {
			return nil, err
		}
		a.Events = append(a.Events, events...)
		if i == len(commands)-1 {
			break
		}
		if o, err = o.after(events); err != nil {
			return nil, err
		}
	}
	for i, e := range a.Events {
		if topic, follows := FollowUp(e); follows {
			a.Messages = append(a.Messages, a.message(i, topic))
		}
	}
	return a, nil
}

// after is the order as events that are not stored yet will leave it. o is not changed.
func (o *Order) after(events []Event) (*Order, error) {
	next := *o
	for _, e := range events {
		if err := next.evolve(e, next.PlacedAt); err != nil {
			return nil, err
		}
	}
	return &next, nil
}

// Then adds to a unit that opens an order what commands decide after it, with metadata of
// their own. It is for commands that nobody else has to hear of.
func (a Append) Then(meta Metadata, commands ...Command) (Append, error) {
	if a.Expected != 0 {
		return Append{}, fmt.Errorf("%w: order %s is not opened by a unit decided on version %d", ErrInvalid, a.OrderID, a.Expected)
	}
	o, err := (&Order{ID: a.OrderID}).after(a.Events)
	if err != nil {
		return Append{}, err
	}
	more, err := o.Prepare(&meta, commands...)
	if err != nil {
		return Append{}, err
	}
	if len(more.Messages) > 0 {
		return Append{}, fmt.Errorf("%w: order %s: what follows its opening asks for %s", ErrInvalid, a.OrderID, more.Messages[0].Topic)
	}
	a.Other = make(map[int]Metadata, len(more.Events))
	for i := range more.Events {
		a.Other[len(a.Events)+i] = meta
	}
	a.Events = append(slices.Clip(a.Events), more.Events...)
	return a, nil
}

// MetadataOf is the metadata of the event with index i.
func (a *Append) MetadataOf(i int) Metadata {
	if m, other := a.Other[i]; other {
		return m
	}
	return a.Metadata
}

func (a *Append) message(event int, topic string) Message {
	eventID := EventID(a.OrderID, a.Expected+event+1)
	m := Message{Topic: topic, Event: event, UUID: eventID, Payload: EncodeWork(a.OrderID)}
	m.Metadata = map[string]string{MetadataCausation: eventID}
	if a.Metadata.CorrelationID != "" {
		m.Metadata[MetadataCorrelation] = a.Metadata.CorrelationID
	}
	if a.Metadata.TraceParent != "" {
		m.Metadata[MetadataTraceParent] = a.Metadata.TraceParent
	}
	return m
}

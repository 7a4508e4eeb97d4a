package work

import (
	"fmt"
	"slices"
	"time"

	"orderflow/domain"
)

// Unit is what one append stores: the events of one decision, the messages that follow from
// them, and the end of the lease under which the decision was made. All of it is committed, or
// none.
type Unit struct {
	OrderID  domain.OrderID
	Expected int // the version of the order on which the decision was made; 0 for a new order
	Events   []domain.Event
	Metadata domain.Metadata // of every event that is not in Other; the store sets Schema
	// Other is the metadata of the events that Then added, by their index.
	Other    map[int]domain.Metadata
	Messages []Message
	// Lease is the lease under which the unit is appended: the append fails unless it is held. Zero
	// for none.
	Lease  Lease
	Settle Settlement // what becomes of the lease
	Reason string     // for SettleReturn, SettleHandBack and SettlePark
	// Reservations are keys that no other order may hold.
	Reservations []Reservation
}

// Reservation makes a key, a tracking id or an idempotency key, name one order for ever.
type Reservation struct {
	Key         string   // see domain.ReservedKey
	Fingerprint [32]byte // SHA-256 of the request, to tell a repeat from another order
}

// Message asks the workers of a topic for work on the order of an event.
type Message struct {
	Topic    string
	Event    int // index into Unit.Events of the event that causes the message
	UUID     string
	Payload  []byte
	Metadata map[string]string
}

// OutboxMessage is a message with the position in the log of the event that causes it.
type OutboxMessage struct {
	Message
	Partition int
	Position  int64
	At        time.Time
}

// Pass is a message that does not go through the outbox. With SettlePass it takes the row of the
// unit's lease; with SettleStart a row is made for it.
type Pass struct {
	Lease   Lease // of the unit
	Message OutboxMessage
}

// Outcome is what an append did.
type Outcome struct {
	Events []domain.Recorded // the events of the unit, with their positions
	Next   *Next             // after SettlePass and SettleStart; otherwise nil
}

// Next is a message that the appending node holds from the commit on, and its lease.
type Next struct {
	Lease   Lease
	Message Message
}

// Outcome is the outcome of an append that recorded the unit's events so.
func (u *Unit) Outcome(recorded []domain.Recorded) Outcome {
	o := Outcome{Events: recorded}
	if u.Settle.InHand() {
		m := u.Messages[0]
		row, at := u.Lease.Row, recorded[m.Event]
		if u.Settle == SettleStart {
			row = Row{Group: row.Group, FirstTopic: m.Topic, Partition: at.Partition, FirstPosition: at.Position}
		}
		o.Next = &Next{Message: m, Lease: Lease{Row: row, Topic: m.Topic, Position: at.Position, Registration: u.Lease.Registration, Attempt: 1}}
	}
	return o
}

// Prepare decides commands on an order, one after the other, and makes the unit of work that
// stores what was decided, with the messages that follow (see FollowUp). The order is not
// changed. An order that is still to be placed has an ID and nothing else.
func Prepare(o *domain.Order, meta domain.Metadata, commands ...domain.Command) (Unit, error) {
	u := Unit{OrderID: o.ID, Expected: o.Version, Metadata: meta}
	for i, c := range commands {
		events, err := o.Decide(c)
		if err != nil {
			return Unit{}, err
		}
		// Of the events of one decision, work follows from the first alone, if from any.
		if topic, follows := FollowUp(o, events[0]); follows {
			u.Messages = append(u.Messages, u.message(len(u.Events), topic))
		}
		u.Events = append(u.Events, events...)
		if i == len(commands)-1 {
			break
		}
		if o, err = o.After(events); err != nil {
			return Unit{}, err
		}
	}
	return u, nil
}

// Then decides more commands on the order that the unit places, and adds their events, which have
// metadata of their own. Events from which a message would follow are refused: the node that appends
// the unit does their work itself.
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

package domain

import (
	"encoding/json"
	"fmt"
)

// EventLevel is the level of events that this program reads and, when it may, writes. Levels
// count the changes to what is stored of events, over all types:
//
//	1  the first form of every event
//	2  OrderPlaced in its second form, with customer and key hash
//
// A program reads all levels up to its own. Which level may be written depends on who has
// to read it, and is kept in the database; it only ever rises.
const EventLevel = 2

// older is a form of an event that is written as long as a level is not to be exceeded.
type older struct {
	level  int // the highest at which this form is written
	schema int
	of     func(Event) (Event, error) // what the form can say of an event
}

// writes adds an older form of a type.
func (c *Codec) writes(typ string, o older) {
	t := c.types[typ]
	t.older = append(t.older, o)
	c.types[typ] = t
}

// Encoded is an event as it is to be stored.
type Encoded struct {
	Event  Event // what will be read back
	Data   json.RawMessage
	Schema int
}

// EncodeAt is Encode for readers of whom some know no level beyond the given one. An event
// that cannot be said in a form of that level is of kind ErrUnavailable: it can be stored
// when all nodes are newer.
func (c *Codec) EncodeAt(level int, e Event) (Encoded, error) {
	for _, form := range c.types[e.EventType()].older {
		if level > form.level {
			continue
		}
		said, err := form.of(e)
		if err != nil {
			return Encoded{}, err
		}
		data, _, err := c.Encode(said)
		return Encoded{Event: said, Data: data, Schema: form.schema}, err
	}
	data, schema, err := c.Encode(e)
	return Encoded{Event: e, Data: data, Schema: schema}, err
}

// placedWithoutCustomer is the first form of OrderPlaced. The key's hash may be left out: it
// serves to check the reservations alone.
func placedWithoutCustomer(e Event) (Event, error) {
	placed := e.(OrderPlaced)
	if placed.Customer != "" {
		return nil, fmt.Errorf("%w: orders of customers with names can be placed when every node of the cluster reads events of level 2", ErrUnavailable)
	}
	placed.KeyHash = ""
	return placed, nil
}

// sameMembers is the upcaster to a form that has only added members that may be missing.
func sameMembers(data json.RawMessage) (json.RawMessage, error) { return data, nil }

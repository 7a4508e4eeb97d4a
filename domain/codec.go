package domain

import (
	"encoding/json"
	"fmt"

	"orderflow/domain/stored"
)

// Upcaster turns the stored data of an event into the shape one schema version later.
type Upcaster func(data json.RawMessage) (json.RawMessage, error)

// Codec turns events into the JSON that is stored, and back. The zero value is not
// usable; see NewCodec.
type Codec struct {
	types map[string]eventType
}

type eventType struct {
	schema    int // the newest version this code knows
	decode    func(json.RawMessage) (Event, error)
	scan      func(*stored.Scanner) Event // the same for the present version, as far as it goes; or nil
	upcasters map[int]Upcaster            // from version n to n+1
	older     []older                     // forms that are still written, the oldest first
}

// NewCodec knows every event of this package at its present schema version.
func NewCodec() *Codec {
	c := &Codec{types: map[string]eventType{}}
	register[OrderPlaced](c, 2, sameMembers)
	c.writes("OrderPlaced", older{level: 1, schema: 1, of: placedWithoutCustomer})
	register[StepStarted](c, 1)
	register[StepCompleted](c, 1)
	register[StepFailed](c, 1)
	register[StepInterrupted](c, 1)
	register[StepRolledBack](c, 1)
	register[OrderCompleted](c, 1)
	register[OrderFailed](c, 1)
	register[OrderParked](c, 1)
	register[OrderResumed](c, 1)
	return c
}

// register makes c know events of type E. An upcaster at index i of up carries
// version i+1 to i+2; together they must reach schema.
func register[E Event](c *Codec, schema int, up ...Upcaster) {
	var zero E
	t := eventType{schema: schema, upcasters: map[int]Upcaster{}}
	for i, u := range up {
		t.upcasters[i+1] = u
	}
	t.scan = scans[zero.EventType()]
	t.decode = func(data json.RawMessage) (Event, error) {
		var e E
		err := json.Unmarshal(data, &e)
		return e, err
	}
	c.types[zero.EventType()] = t
}

// Encode gives the JSON to store for e, and the schema version to store with it.
// HTML characters are left as they are; white space in raw parts is dropped.
func (c *Codec) Encode(e Event) (data json.RawMessage, schema int, err error) {
	t, known := c.types[e.EventType()]
	if !known {
		return nil, 0, fmt.Errorf("%w: event type %q is unknown", ErrInvalid, e.EventType())
	}
	data, err = encode(e)
	if err != nil {
		return nil, 0, fmt.Errorf("%w: encode %s: %s", ErrInvalid, e.EventType(), err)
	}
	return data, t.schema, nil
}

// Decode reads stored JSON of any schema version up to the present one. Errors are of kind
// ErrNewer if the type or its schema version is unknown, and of kind ErrCorrupt otherwise.
func (c *Codec) Decode(typ string, schema int, data json.RawMessage) (Event, error) {
	t, known := c.types[typ]
	switch {
	case !known:
		return nil, fmt.Errorf("%w: event type %q is unknown to it", ErrNewer, typ)
	case schema > t.schema:
		return nil, fmt.Errorf("%w: %s has schema version %d, it knows 1 to %d", ErrNewer, typ, schema, t.schema)
	case schema < 1:
		return nil, fmt.Errorf("%w: %s has schema version %d, the first is 1", ErrCorrupt, typ, schema)
	}
	for v := schema; v < t.schema; v++ {
		up, found := t.upcasters[v]
		if !found {
			return nil, fmt.Errorf("%w: no upcaster for %s from schema version %d", ErrCorrupt, typ, v)
		}
		var err error
		if data, err = up(data); err != nil {
			return nil, fmt.Errorf("%w: upcast %s from schema version %d: %s", ErrCorrupt, typ, v, err)
		}
	}
	e, err := t.decode(data)
	if err != nil {
		return nil, fmt.Errorf("%w: decode %s: %s", ErrCorrupt, typ, err)
	}
	return e, nil
}

// DecodeText is Decode of data that is at hand as text. What it gives may be parts of the
// text, not copies.
func (c *Codec) DecodeText(typ string, schema int, data string) (Event, error) {
	if t, known := c.types[typ]; known && t.scan != nil && schema == t.schema {
		s := stored.NewScanner(data)
		e := t.scan(&s)
		if s.Expect(`}`); s.Done() {
			return e, nil
		}
	}
	return c.Decode(typ, schema, json.RawMessage(data))
}

// DecodeMetadata reads stored metadata. What it gives may be parts of the text, not copies.
func DecodeMetadata(data string) (m Metadata, err error) {
	if m, ok := scanMetadata(data); ok {
		return m, nil
	}
	err = json.Unmarshal([]byte(data), &m)
	return m, err
}

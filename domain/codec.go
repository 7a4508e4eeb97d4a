package domain

import (
	"encoding/json"
	"fmt"
	"slices"

	"orderflow/domain/stored"
)

// EventLevel is the level of events that this program reads and, when it may, writes. Levels
// count the changes to what is stored of events, over all types:
//
//	1  the first form of every event
//	2  OrderPlaced in its second form, with customer and key hash
//	3  OrderPlaced in its third form, with retry_of; OrderCancelRequested, OrderCancelled and OrderFailRequested
//
// A program reads all levels up to its own. The level to write is that which all nodes read. It is
// kept in the database, and only ever rises.
const EventLevel = 3

// Encoded is an event in its stored form.
type Encoded struct {
	Event  Event // as Decode will give it; its raw JSON shares memory with Data
	Data   json.RawMessage
	Schema int // the version of the event's form
}

// Encode makes the JSON to store for e, in a form that readers of the given level understand. HTML
// characters are not escaped; white space in raw JSON is dropped. The error is of kind ErrInvalid if e
// can never be stored. It is of kind ErrUnavailable if no form of that level can express e: then e can
// be stored once all nodes are newer.
func Encode(level int, e Event) (Encoded, error) { return current.encode(level, e) }

// Decode reads stored JSON of any schema version up to the present one. The event may share memory
// with data. Errors are of kind ErrNewer if the type or its schema version is unknown, and of kind
// ErrCorrupt otherwise.
func Decode(typ string, schema int, data string) (Event, error) {
	return current.decode(typ, schema, data)
}

// codec turns events into the JSON that is stored, and back: by type, the forms they have or had.
type codec map[string]*forms

type forms struct {
	decode func([]byte) (Event, error) // the present form
	scan   func(*stored.Scanner) Event // a fast decode of the usual text; or nil
	up     []upcaster                  // up[i] turns version i+1 into i+2
	older  []older                     // older forms that are still written, the oldest first
}

// upcaster turns the stored data of an event into the form one schema version later.
type upcaster func(data []byte) ([]byte, error)

// older is a form of an event that is written as long as a level is not to be exceeded. A form that no
// event can be written in stands for a type that the level does not have.
type older struct {
	level  int // the highest at which this form is written
	schema int
	of     func(Event) (Event, error) // what the form can say of an event
	// says is for events of which the form says all: they are written in it at every level. Or nil.
	says func(Event) bool
}

func (f *forms) schema() int { return len(f.up) + 1 }

var current = newCodec()

// newCodec knows every event of this package at its present schema version.
func newCodec() codec {
	c := codec{}
	register[OrderPlaced](c, slices.Repeat([]upcaster{sameMembers}, 2)...).older = []older{
		{level: 1, schema: 1, of: placedWithoutCustomer},
		{level: 2, schema: 2, of: placedWithoutRetry, says: isNoRetry},
	}
	register[StepStarted](c)
	register[StepCompleted](c)
	register[StepFailed](c)
	register[StepInterrupted](c)
	register[StepRolledBack](c)
	register[OrderCompleted](c)
	register[OrderFailed](c)
	register[OrderParked](c)
	register[OrderResumed](c)
	register[OrderCancelRequested](c).older = laterThan(2, "orders can be cancelled")
	register[OrderCancelled](c).older = laterThan(2, "orders can be cancelled")
	register[OrderFailRequested](c).older = laterThan(2, "parked orders can be failed")
	return c
}

// register makes c know events of type E, whose older forms up carries forward.
func register[E Event](c codec, up ...upcaster) *forms {
	var zero E
	f := &forms{up: up, scan: scans[TypeOf(zero)], decode: func(data []byte) (Event, error) {
		var e E
		err := json.Unmarshal(data, &e)
		return e, err
	}}
	c[TypeOf(zero)] = f
	return f
}

func (c codec) encode(level int, e Event) (Encoded, error) {
	f, known := c[TypeOf(e)]
	if !known {
		return Encoded{}, fmt.Errorf("%w: event type %q is unknown", ErrInvalid, TypeOf(e))
	}
	schema := f.schema()
	for _, form := range f.older {
		if level > form.level && (form.says == nil || !form.says(e)) {
			continue
		}
		var err error
		if e, err = form.of(e); err != nil {
			return Encoded{}, err
		}
		schema = form.schema
		break
	}
	data, err := marshal(e)
	if err != nil {
		return Encoded{}, fmt.Errorf("%w: encode %s: %s", ErrInvalid, TypeOf(e), err)
	}
	return Encoded{Event: Within(e, data), Data: data, Schema: schema}, nil
}

func (c codec) decode(typ string, schema int, text string) (Event, error) {
	f, known := c[typ]
	switch {
	case !known:
		return nil, fmt.Errorf("%w: event type %q is unknown to it", ErrNewer, typ)
	case schema > f.schema():
		return nil, fmt.Errorf("%w: %s has schema version %d, it knows 1 to %d", ErrNewer, typ, schema, f.schema())
	case schema < 1:
		return nil, fmt.Errorf("%w: %s has schema version %d, the first is 1", ErrCorrupt, typ, schema)
	case schema == f.schema() && f.scan != nil:
		s := stored.NewScanner(text)
		e := f.scan(&s)
		if s.Expect(`}`); s.Done() {
			return e, nil
		}
	}
	data := []byte(text)
	for v := schema; v < f.schema(); v++ {
		var err error
		if data, err = f.up[v-1](data); err != nil {
			return nil, fmt.Errorf("%w: upcast %s from schema version %d: %s", ErrCorrupt, typ, v, err)
		}
	}
	e, err := f.decode(data)
	if err != nil {
		return nil, fmt.Errorf("%w: decode %s: %s", ErrCorrupt, typ, err)
	}
	return e, nil
}

// placedWithoutCustomer is the first form of OrderPlaced. The key's hash may be left out: it
// serves to check the reservations alone.
func placedWithoutCustomer(e Event) (Event, error) {
	placed := e.(OrderPlaced)
	if placed.Customer != "" {
		return nil, unwritten("orders of customers with names can be placed", 2)
	}
	placed.KeyHash = ""
	return placedWithoutRetry(placed)
}

// placedWithoutRetry is the second form of OrderPlaced.
func placedWithoutRetry(e Event) (Event, error) {
	if !isNoRetry(e) {
		return nil, unwritten("orders can be tried again", 3)
	}
	return e, nil
}

func isNoRetry(e Event) bool { return e.(OrderPlaced).RetryOf.IsZero() }

// laterThan is for a type that levels up to the given one do not have.
func laterThan(level int, what string) []older {
	return []older{{level: level, schema: 1, of: func(Event) (Event, error) { return nil, unwritten(what, level+1) }}}
}

// unwritten says from which level on something can be stored.
func unwritten(what string, level int) error {
	return &LevelError{What: what, Level: level}
}

// LevelError says that an event cannot be stored as long as a node of the cluster could not read it. It is of
// kind ErrUnavailable.
type LevelError struct {
	What  string // that is possible from the level on
	Level int
}

func (e *LevelError) Error() string {
	return fmt.Sprintf("%v: %s", ErrUnavailable, e.Cause())
}

// Cause is what has to happen first, for callers.
func (e *LevelError) Cause() string {
	return fmt.Sprintf("%s when every node of the cluster reads events of level %d", e.What, e.Level)
}

// Is makes a LevelError an ErrUnavailable.
func (e *LevelError) Is(target error) bool { return target == ErrUnavailable }

// sameMembers is the upcaster to a form that has only added members that may be missing.
func sameMembers(data []byte) ([]byte, error) { return data, nil }

package domain

import (
	"bytes"
	"encoding/json"

	"orderflow/domain/stored"
)

// The events of steps and the metadata of all events are written and read here without reflection,
// since they are most of what is stored. The text is that of encoding/json, byte for byte. Any other
// text is left to encoding/json to read.

// marshal makes the stored JSON of e.
func marshal(e Event) (json.RawMessage, error) {
	size := 128
	if p, is := e.(OrderPlaced); is {
		size += len(p.TrackingID) + len(p.Detail)
	}
	if b, ok := appendEvent(make([]byte, 0, size), e); ok {
		return b, nil
	}
	return stored.Marshal(e)
}

// appendEvent appends the JSON of e; false if it is left to encoding/json.
func appendEvent(b []byte, e Event) ([]byte, bool) {
	o := stored.NewObject(b)
	switch e := e.(type) {
	case OrderPlaced:
		o.Member("tracking_id", e.TrackingID)
		if len(e.Detail) > 0 && o.Compact("detail", e.Detail) != nil {
			return nil, false
		}
		o.Member("customer", e.Customer)
		o.Member("key_hash", e.KeyHash)
		if !e.RetryOf.IsZero() {
			o.Text("retry_of", e.RetryOf.String())
		}
	case StepStarted:
		attempt(e).write(&o)
	case StepCompleted:
		attempt(e).write(&o)
	case StepRolledBack:
		attempt(e).write(&o)
	case StepFailed:
		attempt{e.Step, e.Attempt, e.Node}.write(&o)
		o.Text("error", e.Error)
	case StepInterrupted:
		attempt{e.Step, e.Attempt, e.Node}.write(&o)
		o.Text("reason", e.Reason)
	case OrderCompleted:
	default:
		return nil, false
	}
	return o.End(), true
}

// attempt is what the events of steps have in common.
type attempt struct {
	Step    Step
	Attempt int
	Node    string
}

func (a attempt) write(o *stored.Object) {
	o.Text("step", string(a.Step))
	o.Number("attempt", a.Attempt)
	o.Text("node", a.Node)
}

// EncodeMetadata makes the stored JSON of metadata.
func EncodeMetadata(m Metadata) json.RawMessage {
	const names = `{"schema":1,"actor":"","node":"","attempt":10,"correlation_id":"","causation_id":"","traceparent":""}`
	o := stored.NewObject(make([]byte, 0, len(names)+
		len(m.Actor)+len(m.Node)+len(m.CorrelationID)+len(m.CausationID)+len(m.TraceParent)+len(m.RunBy)))
	o.Number("schema", m.Schema)
	o.Member("actor", m.Actor)
	o.Member("node", m.Node)
	if m.Attempt != 0 {
		o.Number("attempt", m.Attempt)
	}
	o.Member("correlation_id", m.CorrelationID)
	o.Member("causation_id", m.CausationID)
	o.Member("traceparent", m.TraceParent)
	o.Member("run_by", m.RunBy)
	return o.End()
}

// scans are the events that are read here, by type.
var scans = map[string]func(*stored.Scanner) Event{
	"StepStarted":    func(s *stored.Scanner) Event { return StepStarted(scanAttempt(s)) },
	"StepCompleted":  func(s *stored.Scanner) Event { return StepCompleted(scanAttempt(s)) },
	"StepRolledBack": func(s *stored.Scanner) Event { return StepRolledBack(scanAttempt(s)) },
	"StepFailed": func(s *stored.Scanner) Event {
		a := scanAttempt(s)
		s.Expect(`,"error":`)
		return StepFailed{a.Step, a.Attempt, a.Node, s.Text()}
	},
	"StepInterrupted": func(s *stored.Scanner) Event {
		a := scanAttempt(s)
		s.Expect(`,"reason":`)
		return StepInterrupted{a.Step, a.Attempt, a.Node, s.Text()}
	},
	"OrderCompleted": func(s *stored.Scanner) Event {
		s.Expect(`{`)
		return OrderCompleted{}
	},
}

// scanMetadata reads metadata as it is written here; false if it is not.
func scanMetadata(data string) (m Metadata, ok bool) {
	s := stored.NewScanner(data)
	s.Expect(`{"schema":`)
	m.Schema = s.Number()
	m.Actor = s.Member(`,"actor":`)
	m.Node = s.Member(`,"node":`)
	if s.Next(`,"attempt":`) {
		m.Attempt = s.Number()
	}
	m.CorrelationID = s.Member(`,"correlation_id":`)
	m.CausationID = s.Member(`,"causation_id":`)
	m.TraceParent = s.Member(`,"traceparent":`)
	m.RunBy = s.Member(`,"run_by":`)
	s.Expect(`}`)
	return m, s.Done()
}

func scanAttempt(s *stored.Scanner) (a attempt) {
	s.Expect(`{"step":`)
	a.Step = Step(s.Text())
	s.Expect(`,"attempt":`)
	a.Attempt = s.Number()
	s.Expect(`,"node":`)
	a.Node = s.Text()
	return a
}

// DecodeMetadata reads stored metadata. The result may share memory with the text.
func DecodeMetadata(text string) (m Metadata, err error) {
	if m, ok := scanMetadata(text); ok {
		return m, nil
	}
	err = json.Unmarshal([]byte(text), &m)
	return m, err
}

// Within makes the detail of e a part of data, the stored JSON of e. A caller that keeps both then keeps
// the detail, which may have a megabyte, only once. Neither may be changed afterwards.
func Within(e Event, data json.RawMessage) Event {
	p, is := e.(OrderPlaced)
	if !is || len(p.Detail) == 0 {
		return e
	}
	const detail = `"detail":`
	at := bytes.Index(data, []byte(detail)) // not in the tracking id, where quotes are escaped
	if at < 0 {
		return e
	}
	part := data[at+len(detail):]
	if !bytes.HasPrefix(part, p.Detail) {
		return e
	}
	p.Detail = part[:len(p.Detail):len(p.Detail)]
	return p
}

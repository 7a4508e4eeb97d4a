package domain

import "strconv"

// What is stored most often, the events of steps and the metadata of every event, is
// written and read here without reflection. It is written byte for byte as encoding/json
// would; and only what is written just so is read, anything else is left to encoding/json.

// appendStored appends the JSON of v; false if v is left to encoding/json.
func appendStored(b []byte, v any) ([]byte, bool) {
	switch v := v.(type) {
	case OrderPlaced:
		var ok bool
		if b, ok = appendPlaced(b, v); !ok {
			return nil, false
		}
	case StepStarted:
		b = appendAttempt(b, attempt(v))
	case StepCompleted:
		b = appendAttempt(b, attempt(v))
	case StepRolledBack:
		b = appendAttempt(b, attempt(v))
	case StepFailed:
		b = appendAttempt(b, attempt{v.Step, v.Attempt, v.Node})
		b = AppendString(append(b, `,"error":`...), v.Error)
	case StepInterrupted:
		b = appendAttempt(b, attempt{v.Step, v.Attempt, v.Node})
		b = AppendString(append(b, `,"reason":`...), v.Reason)
	case OrderCompleted:
		b = append(b, '{')
	case Metadata:
		b = appendMetadata(b, v)
	default:
		return nil, false
	}
	return append(b, '}'), true
}

// roomFor is about how long the JSON of v is, so that it need not grow.
func roomFor(v any) int {
	if p, is := v.(OrderPlaced); is {
		return 128 + len(p.TrackingID) + len(p.Detail)
	}
	if m, is := v.(Metadata); is {
		const names = `{"schema":1,"actor":"","node":"","attempt":10,"correlation_id":"","causation_id":"","traceparent":""}`
		return len(names) + len(m.Actor) + len(m.Node) + len(m.CorrelationID) + len(m.CausationID) + len(m.TraceParent) + len(m.RunBy)
	}
	return 128
}

// attempt is what the events of steps have in common.
type attempt struct {
	Step    Step
	Attempt int
	Node    string
}

func appendAttempt(b []byte, a attempt) []byte {
	b = AppendString(append(b, `{"step":`...), string(a.Step))
	b = strconv.AppendInt(append(b, `,"attempt":`...), int64(a.Attempt), 10)
	return AppendString(append(b, `,"node":`...), a.Node)
}

func appendMetadata(b []byte, m Metadata) []byte {
	member := func(key, value string) {
		if value != "" {
			b = AppendString(append(b, key...), value)
		}
	}
	b = strconv.AppendInt(append(b, `{"schema":`...), int64(m.Schema), 10)
	member(`,"actor":`, m.Actor)
	member(`,"node":`, m.Node)
	if m.Attempt != 0 {
		b = strconv.AppendInt(append(b, `,"attempt":`...), int64(m.Attempt), 10)
	}
	member(`,"correlation_id":`, m.CorrelationID)
	member(`,"causation_id":`, m.CausationID)
	member(`,"traceparent":`, m.TraceParent)
	member(`,"run_by":`, m.RunBy)
	return b
}

// AppendString appends s as a JSON string, as MarshalStored would write it.
func AppendString(b []byte, s string) []byte {
	for i := range len(s) {
		if !plain(s[i]) {
			quoted, _ := MarshalStored(s) // a string always encodes
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// scans are the events that are read here, by type.
var scans = map[string]func(*Scanner) Event{
	"StepStarted":    func(s *Scanner) Event { return StepStarted(scanAttempt(s)) },
	"StepCompleted":  func(s *Scanner) Event { return StepCompleted(scanAttempt(s)) },
	"StepRolledBack": func(s *Scanner) Event { return StepRolledBack(scanAttempt(s)) },
	"StepFailed": func(s *Scanner) Event {
		a := scanAttempt(s)
		s.Expect(`,"error":`)
		return StepFailed{a.Step, a.Attempt, a.Node, s.Text()}
	},
	"StepInterrupted": func(s *Scanner) Event {
		a := scanAttempt(s)
		s.Expect(`,"reason":`)
		return StepInterrupted{a.Step, a.Attempt, a.Node, s.Text()}
	},
	"OrderCompleted": func(s *Scanner) Event {
		s.Expect(`{`)
		return OrderCompleted{}
	},
}

// scanMetadata reads metadata as it is written here; false if it is not.
func scanMetadata(data string) (m Metadata, ok bool) {
	s := NewScanner(data)
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

func scanAttempt(s *Scanner) (a attempt) {
	s.Expect(`{"step":`)
	a.Step = Step(s.Text())
	s.Expect(`,"attempt":`)
	a.Attempt = s.Number()
	s.Expect(`,"node":`)
	a.Node = s.Text()
	return a
}

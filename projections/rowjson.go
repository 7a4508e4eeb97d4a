package projections

import (
	"orderflow/domain/stored"
)

// appendJSON appends the row's view as OrderView.AppendJSON would. What is stored as it
// goes out is copied, not read and written again. The error is that of view.
func (r row) appendJSON(b []byte) ([]byte, error) {
	if err := r.corrupt(); err != nil {
		return nil, err
	}
	detail, err := r.detailJSON()
	if err != nil {
		return nil, err
	}
	o := object{b: append(b, '{')}
	o.plain("order_id", r.id.String())
	o.text("tracking_id", r.tracking)
	o.member("customer", r.customer)
	o.raw("detail", detail)
	o.text("status", string(r.status))
	o.text("current_step", string(r.step))
	o.storedTime("placed_at", r.placed)
	o.storedTime("started_at", r.started)
	o.storedTime("completed_at", r.completed)
	o.number("version", r.version)
	o.key("steps")
	if all, ok := completeSteps(o.b, r.steps); ok {
		return append(all, '}'), nil
	}
	views, err := decodeSteps(r.id, r.steps)
	if err != nil {
		return nil, err
	}
	return append(appendSteps(o.b, views, false), '}'), nil
}

// completeSteps appends stored steps with the members that were left out when they were
// stored; false if they are written in any other way than encodeSteps does, or have texts
// with escapes.
func completeSteps(b []byte, text string) ([]byte, bool) {
	s := stored.NewScanner(text)
	s.Expect(`[`)
	o := object{b: append(b, '[')}
	for i, step := range steps {
		if i > 0 {
			s.Expect(`,`)
			o.b = append(o.b, ',')
		}
		o.b = append(o.b, '{')
		s.Expect(`{"step":`)
		if s.Text() != string(step) {
			return nil, false
		}
		o.plain("step", string(step))
		s.Expect(`,"status":`)
		o.plain("status", s.Text())
		attempt := 0
		if s.Next(`,"attempt":`) {
			attempt = s.Number()
		}
		o.number("attempt", attempt)
		o.plain("node", s.Member(`,"node":`))
		o.plain("started_at", timeMember(&s, `,"started_at":`))
		o.plain("completed_at", timeMember(&s, `,"completed_at":`))
		o.plain("error", s.Member(`,"error":`))
		o.plain("rolled_back_at", timeMember(&s, `,"rolled_back_at":`))
		s.Expect(`}`)
		o.b = append(o.b, '}')
	}
	s.Expect(`]`)
	return append(o.b, ']'), s.Done()
}

// timeMember reads a time that may be missing, and then is empty, as it goes out.
func timeMember(s *stored.Scanner, key string) string {
	if !s.Next(key) {
		return ""
	}
	text := s.Text()
	if !isTime(text) || text == zeroTime+"Z" {
		s.Refuse()
	}
	return text
}

// plain writes a text that needs no escapes; null if it is empty.
func (o *object) plain(name, value string) {
	o.key(name)
	if value == "" {
		o.b = append(o.b, "null"...)
		return
	}
	o.b = append(append(append(o.b, '"'), value...), '"')
}

// storedTime writes a time of a row.
func (o *object) storedTime(name, stored string) {
	o.key(name)
	if stored == "" {
		o.b = append(o.b, "null"...)
		return
	}
	o.b = append(append(append(o.b, '"'), stored...), 'Z', '"')
}

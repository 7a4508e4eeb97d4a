package projections

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"orderflow/domain"
	"orderflow/domain/stored"
)

// MarshalJSON writes the contract of GET /v1/orders/{id}: every key is there, in this
// order, null where there is nothing to say.
func (v OrderView) MarshalJSON() ([]byte, error) {
	return v.AppendJSON(nil), nil
}

// AppendJSON appends what MarshalJSON gives.
func (v OrderView) AppendJSON(b []byte) []byte {
	b = slices.Grow(b, 1024+len(v.Detail))
	o := object{b: append(b, '{')}
	o.text("order_id", v.OrderID.String())
	o.text("tracking_id", v.TrackingID)
	o.member("customer", v.Customer)
	o.raw("detail", v.Detail)
	o.text("status", string(v.Status))
	o.text("current_step", string(v.CurrentStep))
	o.time("placed_at", v.PlacedAt)
	o.time("started_at", v.StartedAt)
	o.time("completed_at", v.CompletedAt)
	o.number("version", v.Version)
	o.key("steps")
	o.b = appendSteps(o.b, v.Steps, false)
	return append(o.b, '}')
}

// MarshalJSON writes one step of the same contract.
func (s StepView) MarshalJSON() ([]byte, error) { return s.appendJSON(nil, false), nil }

// appendJSON leaves out what is empty if sparse.
func (s StepView) appendJSON(b []byte, sparse bool) []byte {
	o := object{b: append(b, '{'), sparse: sparse}
	o.text("step", string(s.Step))
	o.text("status", string(s.Status))
	o.number("attempt", s.Attempt)
	o.text("node", s.Node)
	o.time("started_at", s.StartedAt)
	o.time("completed_at", s.CompletedAt)
	o.text("error", s.Error)
	o.time("rolled_back_at", s.RolledBackAt)
	return append(o.b, '}')
}

func appendSteps(b []byte, steps []StepView, sparse bool) []byte {
	b = append(b, '[')
	for i, s := range steps {
		if i > 0 {
			b = append(b, ',')
		}
		b = s.appendJSON(b, sparse)
	}
	return append(b, ']')
}

// MarshalJSON writes the contract of GET /v1/orders.
func (p Page) MarshalJSON() ([]byte, error) { return p.AppendJSON(nil), nil }

// AppendJSON appends what MarshalJSON gives.
func (p Page) AppendJSON(b []byte) []byte {
	size := 256
	for i := range p.Orders {
		size += 1280 + len(p.Orders[i].Detail)
	}
	o := object{b: append(slices.Grow(b, size), '{')}
	o.key("orders")
	o.b = append(o.b, '[')
	for i, v := range p.Orders {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		o.b = v.AppendJSON(o.b)
	}
	o.b = append(o.b, ']')
	o.text("next_cursor", p.NextCursor)
	return append(o.b, '}')
}

// object writes the members of a JSON object.
type object struct {
	b      []byte
	sparse bool // leave out what is empty, instead of null and 0
}

func (o *object) key(name string) {
	if o.b[len(o.b)-1] != '{' {
		o.b = append(o.b, ',')
	}
	o.b = append(append(append(o.b, '"'), name...), '"', ':')
}

func (o *object) null(name string) {
	if !o.sparse {
		o.key(name)
		o.b = append(o.b, "null"...)
	}
}

func (o *object) text(name, value string) {
	if value == "" {
		o.null(name)
		return
	}
	o.key(name)
	o.b = stored.AppendString(o.b, value)
}

// member is text for what is left out where there is nothing to say.
func (o *object) member(name, value string) {
	if value != "" {
		o.text(name, value)
	}
}

func (o *object) raw(name string, value json.RawMessage) {
	if len(value) == 0 {
		o.null(name)
		return
	}
	o.key(name)
	o.b = append(o.b, value...)
}

func (o *object) time(name string, t time.Time) {
	if t.IsZero() {
		o.null(name)
		return
	}
	o.key(name)
	o.b = append(stored.AppendTime(append(o.b, '"'), t), '"')
}

func (o *object) number(name string, n int) {
	if n != 0 || !o.sparse {
		o.key(name)
		o.b = strconv.AppendInt(o.b, int64(n), 10)
	}
}

type stepJSON struct {
	Step         domain.Step       `json:"step"`
	Status       domain.StepStatus `json:"status"`
	Attempt      int               `json:"attempt"`
	Node         string            `json:"node"`
	StartedAt    time.Time         `json:"started_at"`
	CompletedAt  time.Time         `json:"completed_at"`
	Error        string            `json:"error"`
	RolledBackAt time.Time         `json:"rolled_back_at"`
}

// UnmarshalJSON reads what MarshalJSON wrote; null leaves the zero value.
func (s *StepView) UnmarshalJSON(b []byte) error {
	var j stepJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	*s = StepView(j)
	return nil
}

// UnmarshalJSON reads what MarshalJSON wrote; null leaves the zero value.
func (v *OrderView) UnmarshalJSON(b []byte) error {
	var j struct {
		OrderID     domain.OrderID  `json:"order_id"`
		TrackingID  string          `json:"tracking_id"`
		Customer    string          `json:"customer"`
		Detail      json.RawMessage `json:"detail"`
		Status      domain.Status   `json:"status"`
		CurrentStep domain.Step     `json:"current_step"`
		PlacedAt    time.Time       `json:"placed_at"`
		StartedAt   time.Time       `json:"started_at"`
		CompletedAt time.Time       `json:"completed_at"`
		Version     int             `json:"version"`
		Steps       []StepView      `json:"steps"`
	}
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	*v = OrderView(j)
	return nil
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (p *Page) UnmarshalJSON(b []byte) error {
	var j struct {
		Orders     []OrderView `json:"orders"`
		NextCursor string      `json:"next_cursor"`
	}
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	*p = Page(j)
	return nil
}

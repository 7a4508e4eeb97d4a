package projections

import (
	"slices"
	"time"

	"orderflow/domain/stored"
)

// MarshalJSON writes the contract of GET /v1/orders/{id}: every key is there, in this
// order, null where there is nothing to say.
func (v OrderView) MarshalJSON() ([]byte, error) { return v.AppendJSON(nil), nil }

// AppendJSON appends what MarshalJSON gives.
func (v OrderView) AppendJSON(b []byte) []byte {
	o := stored.NewObject(slices.Grow(b, v.room()))
	o.Text("order_id", v.OrderID.String())
	text(&o, "tracking_id", v.TrackingID)
	o.Member("customer", v.Customer)
	raw(&o, "detail", v.Detail)
	text(&o, "status", string(v.Status))
	text(&o, "current_step", string(v.CurrentStep))
	moment(&o, "placed_at", v.PlacedAt)
	moment(&o, "started_at", v.StartedAt)
	moment(&o, "completed_at", v.CompletedAt)
	o.Number("version", v.Version)
	raw(&o, "steps", v.Steps)
	return o.End()
}

// room is about how long the JSON of the view is.
func (v OrderView) room() int { return 512 + len(v.Steps) + len(v.Detail) }

// MarshalJSON writes the contract of GET /v1/orders.
func (p Page) MarshalJSON() ([]byte, error) { return p.AppendJSON(nil), nil }

// AppendJSON appends what MarshalJSON gives.
func (p Page) AppendJSON(b []byte) []byte {
	size := 256
	for i := range p.Orders {
		size += p.Orders[i].room()
	}
	o := stored.NewObject(slices.Grow(b, size))
	o.Key("orders")
	o = append(o, '[')
	for i, v := range p.Orders {
		if i > 0 {
			o = append(o, ',')
		}
		o = v.AppendJSON(o)
	}
	o = append(o, ']')
	text(&o, "next_cursor", p.NextCursor)
	return o.End()
}

// text writes a text, null for the empty one.
func text(o *stored.Object, name, value string) {
	if value == "" {
		o.Null(name)
		return
	}
	o.Text(name, value)
}

// moment writes a time, null for the zero time.
func moment(o *stored.Object, name string, t time.Time) {
	if t.IsZero() {
		o.Null(name)
		return
	}
	o.Time(name, t)
}

// raw writes what is JSON already, null for nothing.
func raw[T ~string | ~[]byte](o *stored.Object, name string, value T) {
	if len(value) == 0 {
		o.Null(name)
		return
	}
	o.Key(name)
	*o = append(*o, value...)
}

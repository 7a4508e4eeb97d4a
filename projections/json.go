package projections

import (
	"slices"

	"orderflow/domain/stored"
)

// MarshalJSON writes the contract of GET /v1/orders/{id}: every key is there, in this
// order, null where there is nothing to say.
func (v OrderView) MarshalJSON() ([]byte, error) { return v.AppendJSON(nil), nil }

// AppendJSON appends what MarshalJSON gives.
func (v OrderView) AppendJSON(b []byte) []byte {
	o := stored.NewObject(slices.Grow(b, v.room()))
	o.Text("order_id", v.OrderID.String())
	o.TextOrNull("tracking_id", v.TrackingID)
	o.Member("customer", v.Customer)
	raw(&o, "detail", v.Detail)
	o.TextOrNull("status", string(v.Status))
	o.TextOrNull("current_step", string(v.CurrentStep))
	o.TimeOrNull("placed_at", v.PlacedAt)
	o.TimeOrNull("started_at", v.StartedAt)
	o.TimeOrNull("completed_at", v.CompletedAt)
	o.Number("version", v.Version)
	if !v.RetryOf.IsZero() {
		o.Text("retry_of", v.RetryOf.String())
	}
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
	o.TextOrNull("next_cursor", p.NextCursor)
	return o.End()
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

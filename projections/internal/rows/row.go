package rows

import (
	"bytes"
	"database/sql"
	"fmt"
	"time"

	"orderflow/domain"
	"orderflow/schema"
)

// Row is a row of the orders, field by field as it is stored.
type Row struct {
	ID      domain.OrderID
	Version int
	Placement
	Placed    time.Time
	Started   time.Time // NULL if zero
	Completed time.Time
	Tracking  string // NULL if empty, as the other texts
	Steps     string // see EncodeSteps
	Request   string // see encodeRequest
	Customer  string
	Detail    string
	RetryOf   string     // an order's id
	Bad       []BadField // stored values that cannot be read; their fields are zero
}

// Placement has the columns that change and have an index.
type Placement struct {
	Status domain.Status // empty: there is no row
	Step   domain.Step   // the order's current step
	Node   string        // of the latest attempt
}

// BadField is a stored value that is not of its column's kind.
type BadField struct{ Column, Stored string }

// Columns are the columns of a row, in the order in which Scan reads them, and StateColumns those that a fold
// goes on with. Those that never change are the last.
const (
	Columns      = StateColumns + `, customer, detail, retry_of`
	StateColumns = `order_id, version, status, current_step, node, placed_at, started_at, completed_at, tracking_id, steps, request`
	width        = 14
	stateWidth   = width - 3
)

// LastID is the last of all ids.
var LastID = domain.OrderID(bytes.Repeat([]byte{0xff}, len(domain.OrderID{})))

// Of is the row that an order should have.
func Of(o domain.Order) Row {
	r := Row{
		ID: o.ID, Version: o.Version, Placement: placementOf(o), Placed: o.PlacedAt, Started: o.StartedAt, Completed: o.EndedAt,
		Tracking: o.TrackingID, Steps: EncodeSteps(&o.Steps), Customer: o.Customer, Detail: schema.Text(o.Detail),
		Request: encodeRequest(o.Request),
	}
	if !o.RetryOf.IsZero() {
		r.RetryOf = o.RetryOf.String()
	}
	return r
}

// placementOf says where an order stands. Its steps run one after the other, so that the latest
// attempt is that of the last step that has had one.
func placementOf(o domain.Order) Placement {
	p := Placement{Status: o.Status(), Step: o.CurrentStep()}
	for _, s := range o.Steps {
		if s.Attempt > 0 {
			p.Node = s.Node
		}
	}
	return p
}

// Order is the state of the order as a fold goes on with it, without customer, detail and what it is a new try of.
func (r *Row) Order() (domain.Order, error) {
	o := domain.Order{
		ID: r.ID, TrackingID: r.Tracking, Version: r.Version, PlacedAt: r.Placed, StartedAt: r.Started, EndedAt: r.Completed,
	}
	if _, err := r.DecodeSteps(&o.Steps); err != nil {
		return o, err
	}
	var err error
	if o.Request, err = decodeRequest(r.Request); err != nil {
		return o, fmt.Errorf("%w: order %s is stored with the request %.200q: %w", domain.ErrCorrupt, r.ID, r.Request, err)
	}
	return domain.Restore(o, r.Status)
}

// DecodeSteps reads the steps of a row without bad fields, and says whether their text is as
// EncodeSteps writes it, so that it can go out as it is. Its errors are of kind domain.ErrCorrupt.
func (r *Row) DecodeSteps(into *States) (asSent bool, err error) {
	if len(r.Bad) > 0 {
		return false, fmt.Errorf("%w: order %s is stored with %s %.200q", domain.ErrCorrupt, r.ID, r.Bad[0].Column, r.Bad[0].Stored)
	}
	if asSent, err = DecodeSteps(r.Steps, into); err != nil {
		return false, fmt.Errorf("%w: order %s is stored with %w", domain.ErrCorrupt, r.ID, err)
	}
	return asSent, nil
}

// args are the row's values in the order of Columns.
func (r *Row) args() []any {
	return []any{
		r.ID[:], r.Version, string(r.Status), nullText(string(r.Step)), nullText(r.Node), schema.TimeArg(r.Placed),
		schema.NullTimeArg(r.Started), schema.NullTimeArg(r.Completed), nullText(r.Tracking), r.Steps, nullText(r.Request), nullText(r.Customer), nullText(r.Detail), nullText(r.RetryOf),
	}
}

func nullText(s string) sql.NullString { return sql.NullString{String: s, Valid: s != ""} }

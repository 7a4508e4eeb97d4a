package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"orderflow/cmd/orderflow/node"
	"orderflow/domain"
	"orderflow/domain/stored"
	"orderflow/handlers/diagnosis"
	"orderflow/handlers/operate"
	"orderflow/projections"
)

// orderArg names one order.
type orderArg struct {
	ID domain.OrderID `arg:"" name:"order-id" help:"The order's id, as it was given when it was placed."`
}

// ordersGetCmd shows an order.
type ordersGetCmd struct {
	dataFlags
	orderArg
	At domain.Moment `placeholder:"TIME|VERSION" help:"The order as it was then, by its events: at a time, such as 2026-01-31T12:00:00Z, or just after the event of a version. Empty: as it is now."`
}

func (c *ordersGetCmd) Run(ctx context.Context, out *output) error {
	return c.lookUp(ctx, out, func(s service) error {
		get := s.views.Get
		if !c.At.IsZero() {
			get = func(ctx context.Context, id domain.OrderID) (projections.OrderView, error) {
				return s.views.GetAt(ctx, id, c.At)
			}
		}
		view, err := get(ctx, c.ID)
		if err != nil {
			return err
		}
		return c.print(out, view, func() error { return printOrder(out, view) })
	})
}

func printOrder(out *output, v projections.OrderView) error {
	steps, err := v.Steps.Views()
	if err != nil {
		return err
	}
	var rows [][]any
	for _, s := range steps {
		rows = append(rows, []any{s.Step, s.Status, s.Attempt, s.Node, s.StartedAt, s.CompletedAt, s.RolledBackAt, s.Error})
	}
	err = out.table(orderHeader, [][]any{orderRow(v)})
	if !v.RetryOf.IsZero() {
		err = errors.Join(err, out.sayf("\nnew try of order %s", v.RetryOf))
	}
	if len(v.Detail) > 0 {
		err = errors.Join(err, out.sayf("\ndetail: %s", v.Detail))
	}
	return errors.Join(err, out.sayf(""), out.table("STEP STATUS ATTEMPT NODE STARTED COMPLETED ROLLED-BACK ERROR", rows))
}

const orderHeader = "ORDER STATUS TRACKING-ID PLACED STARTED COMPLETED VERSION"

func orderRow(v projections.OrderView) []any {
	return []any{v.OrderID, v.Status, v.TrackingID, v.PlacedAt, v.StartedAt, v.CompletedAt, v.Version}
}

// orderFilterFlags say which orders are meant.
type orderFilterFlags struct {
	Status       []string  `placeholder:"STATUS" help:"Only orders of this status, such as Processing or Failed. Several: --status A,B or the flag again."`
	Step         []string  `placeholder:"STEP" help:"Only orders whose current step is this one, or one of these."`
	Node         []string  `placeholder:"NAME" help:"Only orders whose latest attempt was this node's, or one of these nodes'."`
	PlacedAfter  time.Time `placeholder:"TIME" help:"Only orders placed after this time, such as 2026-01-31T12:00:00Z."`
	PlacedBefore time.Time `placeholder:"TIME" help:"Only orders placed before this time."`
	TrackingID   string    `name:"tracking-id" placeholder:"ID" help:"Only the order of this tracking id."`
}

// given says whether any of the flags is.
func (c *orderFilterFlags) given() bool {
	return len(c.Status)+len(c.Step)+len(c.Node)+len(c.TrackingID) > 0 || !c.PlacedAfter.IsZero() || !c.PlacedBefore.IsZero()
}

// ordersListCmd lists orders.
type ordersListCmd struct {
	dataFlags
	orderFilterFlags
	Reason string `placeholder:"CODE" help:"Only orders of which the last survey found this reason (see orders diagnose --all), the oldest first. With --limit and --cursor alone."`
	Limit  int    `default:"50" help:"How many, 1 to 200."`
	Cursor string `placeholder:"CURSOR" help:"Go on where an earlier list ended, with its next_cursor."`
}

func (ordersListCmd) Help() string {
	return `Example: orderflow orders list --status Failed --placed-after 2026-01-31T00:00:00Z`
}

// Validate refuses a length that no page has; the views take 0 for the default.
func (c *ordersListCmd) Validate() error {
	if c.Limit < 1 || c.Limit > projections.MaxLimit {
		return fmt.Errorf("--limit is %d: give 1 to %d", c.Limit, projections.MaxLimit)
	}
	if c.Reason != "" {
		if !slices.Contains(diagnosis.Reasons(), diagnosis.Reason(c.Reason)) {
			return fmt.Errorf("--reason is %s: expected one of %s", c.Reason, domain.List(diagnosis.Reasons()))
		}
		if c.given() {
			return errors.New("--reason goes with --limit and --cursor alone")
		}
	}
	return c.databaseFlag.Validate()
}

func (c *ordersListCmd) Run(ctx context.Context, out *output) error {
	orders, err := c.filter()
	if err != nil {
		return err
	}
	filter := node.ListFilter(orders)
	filter.Limit, filter.Cursor = c.Limit, c.Cursor
	return c.lookUp(ctx, out, func(s service) error {
		list := s.views.List
		if c.Reason != "" {
			list = func(ctx context.Context, f projections.Filter) (projections.Page, error) {
				return listReason(ctx, out, s, f, diagnosis.Reason(c.Reason))
			}
		}
		events, err := s.behind(ctx) // before the list, which may have caught up
		if err != nil {
			return err
		}
		page, err := list(ctx, filter)
		if err != nil {
			return err
		}
		out.sayBehind(events)
		if c.JSON {
			return out.json(page)
		}
		var rows [][]any
		for _, v := range page.Orders {
			rows = append(rows, orderRow(v))
		}
		if page.NextCursor != "" {
			defer out.notef("There are more: --cursor %s", page.NextCursor)
		}
		return out.table(orderHeader, rows)
	})
}

// listReason is a page of the orders that have a reason by the last survey, whose time is said.
func listReason(ctx context.Context, out *output, s service, f projections.Filter, reason diagnosis.Reason) (page projections.Page, err error) {
	var after domain.OrderID
	if f.Cursor != "" {
		if after, err = domain.ParseOrderID(f.Cursor); err != nil {
			return page, &domain.FieldError{Field: "cursor", Expected: "the next_cursor of an earlier answer", Got: "another text"}
		}
	}
	surveys := node.NewSurveys(s.db, s.store, "", nil)
	asOf, err := surveys.ListedAt(ctx)
	if err != nil {
		return page, err
	}
	found, err := surveys.Page(ctx, reason, after, f.Limit+1)
	page.Orders = []projections.OrderView{}
	for i, x := range found {
		if i == f.Limit {
			page.NextCursor = found[i-1].OrderID.String()
			break
		}
		v, err := s.views.Get(ctx, x.OrderID)
		if err != nil {
			return page, err
		}
		page.Orders = append(page.Orders, v)
	}
	if asOf.IsZero() {
		out.notef("No node has surveyed the orders of this database yet: orders diagnose --all makes a survey.")
	} else {
		out.notef("As of %s.", cell(asOf))
	}
	if reason.Progresses() {
		out.notef("Orders that progress are listed once they have done so, at what they are doing, for %.0f s: \"orderflow orders diagnose --all\" counts all.",
			diagnosis.ListedAfter.Seconds())
	}
	return page, err
}

func (c *orderFilterFlags) filter() (operate.OrderFilter, error) {
	f := operate.OrderFilter{Node: c.Node, PlacedAfter: c.PlacedAfter, PlacedBefore: c.PlacedBefore, TrackingID: c.TrackingID}
	for _, text := range c.Status {
		status, err := domain.ParseStatus(text)
		if err != nil {
			return f, fmt.Errorf("--status: %w", err)
		}
		f.Status = append(f.Status, status)
	}
	for _, text := range c.Step {
		step, err := domain.ReadStep(text)
		if err != nil {
			return f, fmt.Errorf("--step: %w", err)
		}
		f.Step = append(f.Step, step)
	}
	return f, nil
}

// ordersEventsCmd shows the history of an order.
type ordersEventsCmd struct {
	dataFlags
	orderArg
}

// eventJSON is an event as GET /v1/orders/{id}/events gives it.
type eventJSON struct {
	Position   int64           `json:"position"`
	Partition  int             `json:"partition"`
	Version    int             `json:"version"`
	Type       string          `json:"type"`
	Data       json.RawMessage `json:"data"`     // as stored
	Metadata   json.RawMessage `json:"metadata"` // as stored
	RecordedAt string          `json:"recorded_at"`
	Hash       string          `json:"hash"` // hexadecimal
}

func (c *ordersEventsCmd) Run(ctx context.Context, out *output) error {
	return c.lookUp(ctx, out, func(s service) error {
		events, err := s.store.Load(ctx, c.ID)
		if err != nil {
			return err
		}
		if c.JSON {
			return printEvents(out, events)
		}
		var rows [][]any
		for _, e := range events {
			actor := e.Metadata.Actor
			if e.Metadata.RunBy != "" {
				actor += ", run by " + e.Metadata.RunBy
			}
			rows = append(rows, []any{e.Version, e.RecordedAt, e.Type, actor, e.Metadata.Node, string(e.Data)})
		}
		return out.table("VERSION RECORDED TYPE ACTOR NODE DATA", rows)
	})
}

// printEvents writes an array with one event a line. It does not indent, since data and
// metadata must stay the bytes that were hashed.
func printEvents(out *output, events []domain.Recorded) error {
	open := "["
	for _, e := range events {
		line, err := stored.Marshal(eventJSON{
			Position: e.Position, Partition: e.Partition, Version: e.Version, Type: e.Type, Data: e.Data, Metadata: e.RawMeta,
			RecordedAt: e.RecordedAt.UTC().Format(stored.TimeLayout), Hash: hex.EncodeToString(e.Hash),
		})
		if err != nil {
			return fmt.Errorf("event %d: %w", e.Version, err)
		}
		if _, err := fmt.Fprintf(out.w, "%s%s", open, line); err != nil {
			return err
		}
		open = ",\n"
	}
	return out.sayf("]")
}

package main

import (
	"context"
	"fmt"
	"time"

	"orderflow/domain"
	"orderflow/projections"
)

// ordersListCmd lists orders.
type ordersListCmd struct {
	databaseFlag
	jsonFlag
	Status       []string  `placeholder:"STATUS" help:"Only orders of this status, such as Processing or Failed. Several: --status A,B or the flag again."`
	Step         []string  `placeholder:"STEP" help:"Only orders whose current step is this one, or one of these."`
	Node         []string  `placeholder:"NAME" help:"Only orders whose latest attempt was this node's, or one of these nodes'."`
	PlacedAfter  time.Time `placeholder:"TIME" help:"Only orders placed after this time, such as 2026-01-31T12:00:00Z."`
	PlacedBefore time.Time `placeholder:"TIME" help:"Only orders placed before this time."`
	TrackingID   string    `name:"tracking-id" placeholder:"ID" help:"Only the order of this tracking id."`
	Limit        int       `default:"50" help:"How many, 1 to 200."`
	Cursor       string    `placeholder:"CURSOR" help:"Go on where an earlier list ended, with its next_cursor."`
}

// Help is the long help.
func (ordersListCmd) Help() string {
	return `Example: orderflow orders list --status Failed --placed-after 2026-01-31T00:00:00Z`
}

// Validate refuses a length that no page has; the views take 0 for the default.
func (c *ordersListCmd) Validate() error {
	if c.Limit < 1 || c.Limit > projections.MaxLimit {
		return fmt.Errorf("--limit is %d: give 1 to %d", c.Limit, projections.MaxLimit)
	}
	return c.databaseFlag.Validate()
}

// Run lists the orders.
func (c *ordersListCmd) Run(ctx context.Context, out *output) error {
	filter, err := c.filter()
	if err != nil {
		return err
	}
	return c.lookUp(ctx, out, func(s service) error {
		page, err := s.views.List(ctx, filter)
		if err != nil {
			return err
		}
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
		return out.table("ORDER STATUS TRACKING-ID PLACED STARTED COMPLETED VERSION", rows)
	})
}

func (c *ordersListCmd) filter() (projections.Filter, error) {
	f := projections.Filter{
		Node: c.Node, PlacedAfter: c.PlacedAfter, PlacedBefore: c.PlacedBefore, TrackingID: c.TrackingID, Limit: c.Limit, Cursor: c.Cursor,
	}
	for _, text := range c.Status {
		status, err := domain.ParseStatus(text)
		if err != nil {
			return f, fmt.Errorf("--status: %w", err)
		}
		f.Status = append(f.Status, status)
	}
	for _, text := range c.Step {
		step, err := domain.ParseStep(text)
		if err != nil {
			return f, fmt.Errorf("--step: %w", err)
		}
		f.Step = append(f.Step, step)
	}
	return f, nil
}

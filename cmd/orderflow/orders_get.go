package main

import (
	"context"

	"orderflow/projections"
)

// ordersGetCmd shows an order.
type ordersGetCmd struct {
	databaseFlag
	jsonFlag
	orderArg
}

// Run shows the order.
func (c *ordersGetCmd) Run(ctx context.Context, out *output) error {
	return c.lookUp(ctx, out, func(s service) error {
		view, err := s.views.Get(ctx, c.ID)
		if err != nil {
			return err
		}
		if c.JSON {
			return out.json(view)
		}
		return printOrder(out, view)
	})
}

func printOrder(out *output, v projections.OrderView) error {
	if err := out.table("ORDER STATUS TRACKING-ID PLACED STARTED COMPLETED VERSION", [][]any{orderRow(v)}); err != nil {
		return err
	}
	if len(v.Detail) > 0 {
		if err := out.sayf("\ndetail: %s", v.Detail); err != nil {
			return err
		}
	}
	steps, err := v.Steps.Views()
	if err != nil {
		return err
	}
	var rows [][]any
	for _, s := range steps {
		rows = append(rows, []any{s.Step, s.Status, s.Attempt, s.Node, s.StartedAt, s.CompletedAt, s.RolledBackAt, s.Error})
	}
	if err := out.sayf(""); err != nil {
		return err
	}
	return out.table("STEP STATUS ATTEMPT NODE STARTED COMPLETED ROLLED-BACK ERROR", rows)
}

func orderRow(v projections.OrderView) []any {
	return []any{v.OrderID, v.Status, v.TrackingID, v.PlacedAt, v.StartedAt, v.CompletedAt, v.Version}
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"orderflow/domain"
	"orderflow/projections"
)

// ordersReplayCmd replays an order.
type ordersReplayCmd struct {
	dataFlags
	orderArg
}

func (ordersReplayCmd) Help() string {
	return `Applies the order's events one by one, prints where it stood after each, and compares the end with what customers see.
Exits 1 if they differ.`
}

// replayed is an order after one of its events.
type replayed struct {
	Version     int           `json:"version"`
	RecordedAt  time.Time     `json:"recorded_at"`
	Event       string        `json:"event"`
	Status      domain.Status `json:"status"`       // after the event
	CurrentStep domain.Step   `json:"current_step"` // after the event; empty if there is none
}

// replay is what `orders replay --json` prints.
type replay struct {
	OrderID domain.OrderID        `json:"order_id"`
	Events  []replayed            `json:"events"`
	End     projections.OrderView `json:"end"`  // by the events
	Seen    projections.OrderView `json:"seen"` // by customers
	Same    bool                  `json:"same"`
}

func (c *ordersReplayCmd) Run(ctx context.Context, out *output) error {
	return c.lookUp(ctx, out, func(s service) error {
		r, err := s.replay(ctx, c.ID)
		if err != nil {
			return err
		}
		if err := c.print(out, r, func() error { return printReplay(out, r) }); err != nil || r.Same {
			return err
		}
		return errFound
	})
}

// replay reads the view first, so that the events are not older; those that came later
// are left out.
func (s service) replay(ctx context.Context, id domain.OrderID) (replay, error) {
	seen, err := s.views.Get(ctx, id)
	if err != nil {
		return replay{}, err
	}
	events, err := s.store.Load(ctx, id)
	if err != nil {
		return replay{}, err
	}
	r := replay{OrderID: id, Seen: seen}
	var o domain.Order
	for _, e := range events[:max(1, min(len(events), seen.Version))] {
		if err := o.Apply(e); err != nil {
			return r, fmt.Errorf("replay: %w", err)
		}
		r.Events = append(r.Events, replayed{
			Version: e.Version, RecordedAt: e.RecordedAt, Event: e.Type, Status: o.Status(), CurrentStep: o.CurrentStep(),
		})
	}
	r.End = projections.ViewOf(o)
	end, customers, err := r.texts()
	r.Same = end == customers
	return r, err
}

// texts are the end by the events, and what customers would read.
func (r replay) texts() (end, seen string, err error) {
	a, err := json.Marshal(r.End)
	if err != nil {
		return "", "", err
	}
	b, err := json.Marshal(r.Seen)
	return string(a), string(b), err
}

func printReplay(out *output, r replay) error {
	var rows [][]any
	for _, e := range r.Events {
		rows = append(rows, []any{e.Version, e.RecordedAt, e.Event, e.Status, e.CurrentStep})
	}
	if err := out.table("VERSION RECORDED EVENT STATUS CURRENT-STEP", rows); err != nil {
		return err
	}
	if r.Same {
		return out.sayf("The end is what customers see.")
	}
	end, seen, err := r.texts()
	if err != nil {
		return err
	}
	return out.sayf("Customers see something else.\nby the events: %s\nby the view:   %s", end, seen)
}

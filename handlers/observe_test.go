package handlers

import (
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
)

// told are the events that an observer was told of, and whether it got their orders.
type told struct {
	t      *testing.T
	types  []string
	orders int
}

func (o *told) observe(order *domain.Order, events []domain.Recorded) {
	for _, r := range events {
		o.types = append(o.types, r.Type)
	}
	if order == nil {
		return
	}
	o.orders++
	if last := events[len(events)-1]; order.ID != last.OrderID || order.Version != last.Version {
		o.t.Errorf("event %d is told with the order at version %d", last.Version, order.Version)
	}
}

// TestObserve: every event that a node stores is told once, with the order after it.
func TestObserve(t *testing.T) {
	o := &told{t: t}
	b := newBench(t, func(c *StepsConfig) { c.Observe = o.observe })
	b.must(domain.StepCount)
	if stored := len(b.streams[b.id]) - 1; len(o.types) != stored || stored < 9 || o.orders < domain.StepCount {
		t.Errorf("told %v, with %d orders; %d events of handlers are stored", o.types, o.orders, stored)
	}
}

// TestObserve_placed: so is an order that is placed, with its start or without.
func TestObserve_placed(t *testing.T) {
	for _, c := range []struct{ slots, events, orders int }{{0, 1, 0}, {1, 2, 1}} {
		o, b := &told{t: t}, newBench(t)
		if _, err := b.Register(t.Context(), work.Node{Node: "n1"}, time.Hour); err != nil {
			t.Fatal(err)
		}
		p := newPlacing(t, PlacingConfig{Store: b.cluster, Slots: &slots{free: c.slots}, Node: "n1", Observe: o.observe})
		if _, err := p.Place(t.Context(), NewOrder{}); err != nil || len(o.types) != c.events || o.orders != c.orders {
			t.Errorf("with %d slots %v was told, with %d orders (err %v); want %d and %d", c.slots, o.types, o.orders, err, c.events, c.orders)
		}
		b.fail(fault{before: domain.ErrUnavailable})
		if _, err := p.Place(t.Context(), NewOrder{}); err == nil || len(o.types) != c.events {
			t.Errorf("what is not stored is told: %v, err %v", o.types, err)
		}
	}
}

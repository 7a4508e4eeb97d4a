package check

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"orderflow/domain"
	"orderflow/eventstore"
)

// histories checks every stream.
func (c *run) histories(ctx context.Context) error {
	unreadable := func(r domain.Recorded, err error) {
		if errors.Is(err, domain.ErrNewer) {
			c.atf(Newer, r, "unreadable: %v", err)
			return
		}
		c.atf(Unread, r, "%v", err)
	}
	return c.store.EachStream(ctx, c.opts.Page, unreadable, func(events []domain.Recorded) error {
		c.report.Orders++
		c.report.Events += int64(len(events))
		for _, r := range events {
			c.tallied(c.throughIndex, r)
		}
		c.chain(events)
		c.independent(events)
		c.replay(events)
		if err := c.keys(ctx, events[0]); err != nil {
			return err
		}
		if err := c.onItsWay(ctx, events); err != nil {
			return fmt.Errorf("order %s: %w", events[0].OrderID, err)
		}
		if c.report.Orders%1000 == 0 {
			c.progress()
		}
		return ctx.Err()
	})
}

// chain checks versions, places, times and hashes.
func (c *run) chain(events []domain.Recorded) {
	var last domain.Recorded
	for _, r := range events {
		if r.Version != last.Version+1 {
			c.atf(Hole, r, "version %d follows version %d", r.Version, last.Version)
		}
		if last.Version > 0 && (r.Partition != last.Partition || r.Position <= last.Position) {
			c.atf(Misplaced, r, "it follows partition %d, position %d", last.Partition, last.Position)
		}
		if r.RecordedAt.Before(last.RecordedAt) {
			c.atf(Time, r, "it was recorded at %s, after an event of %s", r.RecordedAt, last.RecordedAt)
		}
		if !bytes.Equal(eventstore.Hash(last.Hash, r), r.Hash) {
			c.atf(Broken, r, "its hash does not fit what is stored, or its predecessor's")
		}
		last = r
	}
}

// independent checks a history against rules.go.
func (c *run) independent(events []domain.Recorded) {
	h := newRules()
	for _, r := range events {
		if r.Event == nil {
			return // it cannot be read, which has been said
		}
		if what := h.next(r); what != "" {
			c.atf(Illegal, r, "%s: %s", r.Type, what)
		}
	}
	if what := h.end(); what != "" {
		c.atf(Illegal, events[len(events)-1], "%s", what)
	}
}

// replay takes a history through the domain: every event must be what a command that
// was allowed at that point decides. It stops at the first that is not.
func (c *run) replay(events []domain.Recorded) {
	var order domain.Order
	var due []domain.Event // what the last decision says comes next
	for _, r := range events {
		if r.Event == nil {
			return
		}
		if len(due) == 0 {
			decided, err := order.Decide(domain.CommandOf(r.Event))
			if err != nil {
				c.atf(Illegal, r, "%s: %v", r.Type, err)
				return
			}
			due = decided
		}
		if !sameEvent(due[0], r.Event) {
			decided, _ := domain.Encode(domain.EventLevel, due[0]) // what was decided can be stored
			c.atf(Illegal, r, "%s with %s where the rules decide %s with %s", r.Type, r.Data, domain.TypeOf(due[0]), decided.Data)
			return
		}
		due = due[1:]
		if err := order.Apply(r); err != nil {
			c.atf(Illegal, r, "%v", err)
			return
		}
	}
	if len(due) > 0 {
		c.atf(Illegal, events[len(events)-1], "%s must follow it", domain.TypeOf(due[0]))
	}
}

func sameEvent(a, b domain.Event) bool {
	left, errA := domain.Encode(domain.EventLevel, a)
	right, errB := domain.Encode(domain.EventLevel, b)
	return errors.Join(errA, errB) == nil && domain.TypeOf(a) == domain.TypeOf(b) && bytes.Equal(left.Data, right.Data)
}

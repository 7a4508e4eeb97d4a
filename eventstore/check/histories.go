package check

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"orderflow/domain"
	"orderflow/eventstore"
)

// histories are the streams, one after the other.
type histories struct {
	*look
	log  *logRead
	keys *keySearch
}

// all checks every stream.
func (h *histories) all(ctx context.Context) error {
	return h.store.EachStream(ctx, h.conf.Page, h.unreadable, func(events []domain.Recorded) error {
		for _, r := range events {
			h.log.tallied(h.log.throughIndex, r)
		}
		if err := h.one(ctx, events); err != nil {
			return err
		}
		if err := h.onItsWay(ctx, events); err != nil {
			return fmt.Errorf("order %s: %w", events[0].OrderID, err)
		}
		if h.report.Orders%1000 == 0 {
			h.progress()
		}
		return ctx.Err()
	})
}

// unreadable reports an event that cannot be decoded.
func (h *histories) unreadable(r domain.Recorded, err error) {
	if errors.Is(err, domain.ErrNewer) {
		h.foundAtf(Newer, r, "unreadable: %v", err)
		return
	}
	h.foundAtf(Unread, r, "%v", err)
}

// one checks what a stream says of itself, and has its keys looked for.
func (h *histories) one(ctx context.Context, events []domain.Recorded) error {
	h.report.Orders++
	h.report.Events += int64(len(events))
	h.chain(events)
	h.independent(events)
	h.replay(events)
	return h.keys.add(ctx, events[0])
}

// History says what is wrong with a whole stream: holes, hashes, times, and events that the rules forbid. It stops
// applying the rules at an event that could not be decoded, which has no Event.
func History(events []domain.Recorded) []Violation {
	h := &histories{look: newLook(nil, nil, Config{})}
	if len(events) > 0 {
		h.chain(events)
		h.independent(events)
		h.replay(events)
	}
	return h.report.Violations
}

// chain checks versions, places, times and hashes.
func (h *histories) chain(events []domain.Recorded) {
	var last domain.Recorded
	for _, r := range events {
		if r.Version != last.Version+1 {
			h.foundAtf(Hole, r, "version %d follows version %d", r.Version, last.Version)
		}
		if last.Version > 0 && (r.Partition != last.Partition || r.Position <= last.Position) {
			h.foundAtf(Misplaced, r, "it follows partition %d, position %d", last.Partition, last.Position)
		}
		if r.RecordedAt.Before(last.RecordedAt) {
			h.foundAtf(Time, r, "it was recorded at %s, after an event of %s", r.RecordedAt, last.RecordedAt)
		}
		if !bytes.Equal(eventstore.Hash(last.Hash, r), r.Hash) {
			h.foundAtf(Broken, r, "its hash does not fit what is stored, or its predecessor's")
		}
		last = r
	}
}

// independent checks a history against rules.go.
func (h *histories) independent(events []domain.Recorded) {
	rules := newRules()
	for _, r := range events {
		if r.Event == nil {
			return // it cannot be read, which has been said
		}
		if what := rules.next(r); what != "" {
			h.foundAtf(Illegal, r, "%s: %s", r.Type, what)
		}
	}
	if what := rules.end(); what != "" {
		h.foundAtf(Illegal, events[len(events)-1], "%s", what)
	}
}

// replay takes a history through the domain: every event must be what a command that
// was allowed at that point decides. It stops at the first that is not.
func (h *histories) replay(events []domain.Recorded) {
	var order domain.Order
	var due []domain.Event // what the last decision says comes next
	for _, r := range events {
		if r.Event == nil {
			return
		}
		if len(due) == 0 {
			decided, err := order.Decide(domain.CommandOf(r.Event))
			if err != nil {
				h.foundAtf(Illegal, r, "%s: %v", r.Type, err)
				return
			}
			due = decided
		}
		if !sameEvent(due[0], r.Event) {
			decided, _ := domain.Encode(domain.EventLevel, due[0]) // what was decided can be stored
			h.foundAtf(Illegal, r, "%s with %s where the rules decide %s with %s", r.Type, r.Data, domain.TypeOf(due[0]), decided.Data)
			return
		}
		due = due[1:]
		if err := order.Apply(r); err != nil {
			h.foundAtf(Illegal, r, "%v", err)
			return
		}
	}
	if len(due) > 0 {
		h.foundAtf(Illegal, events[len(events)-1], "%s must follow it", domain.TypeOf(due[0]))
	}
}

func sameEvent(a, b domain.Event) bool {
	left, errA := domain.Encode(domain.EventLevel, a)
	right, errB := domain.Encode(domain.EventLevel, b)
	return errors.Join(errA, errB) == nil && domain.TypeOf(a) == domain.TypeOf(b) && bytes.Equal(left.Data, right.Data)
}

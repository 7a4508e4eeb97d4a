package check

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"orderflow/domain"
	"orderflow/eventstore"
	"orderflow/schema"
)

// Part is what a check of a part of the log found.
type Part struct {
	Report
	To     []int64          // by partition: up to where the log has been checked
	Orders []domain.OrderID // that have events in the part
	More   bool             // there were more events than were asked for
}

// Since checks the events after some positions, one of each partition, in about most events: that positions have no
// holes, that each event lies in the partition of its order, and is what the index of streams leads to. The orders that
// have such events are checked whole: their chains, their histories, their keys. Whether somebody will work on them is
// not asked. It reads the keys of the new events, one statement a partition that has any, and the streams of their
// orders, one statement for 512.
//
// A partition that ends before its position has lost events that were checked: that is a violation, and To is its end.
func Since(ctx context.Context, db *schema.DB, store *eventstore.Store, after []int64, most int) (Part, error) {
	heads, err := store.Heads(ctx)
	if err != nil {
		return Part{}, err
	}
	s := since{look: newLook(db, store, Config{Page: max(1, most/len(heads))}), logged: map[domain.OrderID][]domain.Recorded{}}
	s.part.To = heads
	for partition, head := range heads {
		if partition < len(after) {
			if err := s.partition(ctx, partition, after[partition], head); err != nil {
				return Part{}, fmt.Errorf("check what is new in partition %d: %w", partition, err)
			}
		}
	}
	err = s.streams(ctx)
	s.part.Report = s.report
	return s.part, unreadable(err)
}

// since is a check of a part under way.
type since struct {
	*look
	part   Part
	logged map[domain.OrderID][]domain.Recorded // the keys of the new events, as the table has them
}

// partition reads the keys of the new events of one partition.
func (s *since) partition(ctx context.Context, partition int, after, head int64) error {
	if after > head {
		s.found(Violation{Kind: Lost, Partition: partition, Position: head + 1, What: fmt.Sprintf("the log ends at %d, and was checked up to %d", head, after)})
	}
	if after >= head {
		return nil
	}
	page, err := (&logRead{look: s.look}).page(ctx, partition, after)
	for _, r := range page {
		if r.Position != after+1 {
			s.found(Violation{Kind: Hole, Partition: partition, Position: after + 1, What: fmt.Sprintf("position %d follows %d", r.Position, after)})
		}
		after = max(after, r.Position)
		if s.logged[r.OrderID] == nil {
			s.part.Orders = append(s.part.Orders, r.OrderID)
		}
		s.logged[r.OrderID] = append(s.logged[r.OrderID], r)
	}
	s.part.To[partition] = after
	s.part.More = s.part.More || len(page) == s.conf.Page
	return err
}

// streams checks the orders that have new events.
func (s *since) streams(ctx context.Context) error {
	keys := &keySearch{look: s.look}
	h := &histories{look: s.look, keys: keys}
	err := s.store.EachStreamOf(ctx, s.part.Orders, h.unreadable, func(events []domain.Recorded) error {
		h.home(events)
		s.bothWays(events)
		return h.one(ctx, events)
	})
	for _, missing := range s.logged {
		for _, r := range missing {
			s.foundAtf(Hidden, r, "the index of streams does not lead to it")
		}
	}
	if err != nil {
		return err
	}
	return keys.search(ctx)
}

// bothWays takes the events that the index of streams led to from those that the table has.
func (s *since) bothWays(events []domain.Recorded) {
	id := events[0].OrderID
	s.logged[id] = slices.DeleteFunc(s.logged[id], func(r domain.Recorded) bool {
		return slices.ContainsFunc(events, func(e domain.Recorded) bool {
			return e.Version == r.Version && e.Position == r.Position && e.Partition == r.Partition && bytes.Equal(e.Hash, r.Hash)
		})
	})
}

// home checks that a stream lies in the partition of its order.
func (h *histories) home(events []domain.Recorded) {
	for _, r := range events {
		if home := h.store.Partition(r.OrderID); home != r.Partition {
			h.foundAtf(Misplaced, r, "the order belongs to partition %d", home)
		}
	}
}

// Orders checks some orders whole: chain, history, partition, keys, and that somebody will work on those that have not
// ended. An order without events is passed over. It reads the streams with one statement for 512 orders, and asks one
// for each order that has not ended.
func Orders(ctx context.Context, db *schema.DB, store *eventstore.Store, ids []domain.OrderID) (Report, error) {
	l := newLook(db, store, Config{})
	h := &histories{look: l, keys: &keySearch{look: l}}
	err := store.EachStreamOf(ctx, ids, h.unreadable, func(events []domain.Recorded) error {
		h.home(events)
		if err := h.one(ctx, events); err != nil {
			return err
		}
		return h.onItsWay(ctx, events)
	})
	if err == nil {
		err = h.keys.search(ctx)
	}
	return l.report, unreadable(err)
}

// At says whether the log has an event at a position.
func At(ctx context.Context, db *schema.DB, partition int, position int64) (bool, error) {
	n, err := newLook(db, nil, Config{}).count(ctx, `SELECT COUNT(*) FROM events WHERE partition = ?1 AND position = ?2`, partition, position)
	if err != nil {
		return false, fmt.Errorf("look at position %d of partition %d: %w", position, partition, err)
	}
	return n > 0, nil
}

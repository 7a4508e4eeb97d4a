package node

import (
	"context"
	"slices"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/handlers/diagnosis"
	"orderflow/schema"
	"orderflow/transport/messaging/inflight"
)

// scene is what is around orders: where messages are, and the nodes.
type scene struct {
	now    time.Time
	nodes  []work.Node
	paused work.Controls // of the steps that are paused
	spots  map[domain.OrderID]*spot
	lines  []diagnosis.Line // what waits, by topic and partition
	gaps   []diagnosis.Gap
}

// spot is where an order's message was met last, in the order in which messages move.
type spot struct {
	due     work.Cause
	written time.Time // if it waits in the outbox
	hold    *diagnosis.Hold
	letter  *diagnosis.Letter
}

// The messages that are read at once: of each source in the outbox some more than its share of the orders of a survey,
// and of rows in flight and dead letters in all.
func perSource(partitions int) int { return diagnosis.MostSurveyed/partitions*5/4 + 500 }

const mostAround = 4 * diagnosis.MostSurveyed

// lookRound asks four questions. Messages are looked for in the order in which they move, so that one which moves
// meanwhile is met in one place at least.
func (d Diagnoses) lookRound(ctx context.Context, in schema.Reader) (s scene, err error) {
	s = scene{now: time.Now(), spots: map[domain.OrderID]*spot{}}
	for _, look := range []func(context.Context, schema.Reader) error{
		func(ctx context.Context, in schema.Reader) error { return s.queued(ctx, in, d.Store.Partitions()) }, s.flying, s.givenUp, s.roster,
	} {
		if err := look(ctx, in); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (s *scene) queued(ctx context.Context, in schema.Reader, partitions int) error {
	all, err := inflight.ReadQueued(ctx, in, inflight.Workers, partitions, perSource(partitions))
	for _, q := range all {
		s.add(q.Met, &spot{written: q.WrittenAt})
		if n := len(s.lines); n == 0 || s.lines[n-1].Topic != q.Topic || s.lines[n-1].Partition != q.Partition {
			s.lines = append(s.lines, diagnosis.Line{Topic: q.Topic, Partition: q.Partition})
		}
		line := &s.lines[len(s.lines)-1]
		line.Add(q.Position)
		line.More = line.Messages == perSource(partitions)
	}
	return addGap(&s.gaps, diagnosis.PartQueue, err)
}

func (s *scene) flying(ctx context.Context, in schema.Reader) error {
	all, err := inflight.ReadInFlight(ctx, in, inflight.Workers, mostAround)
	for _, f := range all {
		s.add(f.Met, &spot{hold: &diagnosis.Hold{Lease: f.Lease, ClaimedAt: f.ClaimedAt, AvailableAt: f.AvailableAt}})
	}
	if len(all) == mostAround {
		s.gaps = append(s.gaps, diagnosis.Gap{Part: diagnosis.PartHolds, Why: more})
	}
	return addGap(&s.gaps, diagnosis.PartHolds, err)
}

func (s *scene) givenUp(ctx context.Context, in schema.Reader) error {
	all, err := inflight.ReadGivenUp(ctx, in, inflight.Workers, mostAround)
	for _, l := range all {
		k := l.Letter
		s.add(l.Met, &spot{letter: &diagnosis.Letter{Key: k.String(), Attempt: k.Attempt, ParkedAt: k.ParkedAt}})
	}
	if len(all) == mostAround {
		s.gaps = append(s.gaps, diagnosis.Gap{Part: diagnosis.PartQueue, Why: more})
	}
	return addGap(&s.gaps, diagnosis.PartQueue, err)
}

// more is why messages may not have been met.
const more = "there are more than are read at once"

func (s *scene) roster(ctx context.Context, in schema.Reader) error {
	r, err := inflight.ReadRoster(ctx, in, work.Registration{})
	if err != nil {
		return addGap(&s.gaps, diagnosis.PartNodes, err)
	}
	s.now, s.nodes, s.paused = r.Now, r.Nodes, r.Paused
	if r.OtherClock {
		s.nodes, s.gaps = nil, append(s.gaps, othersClock)
	}
	return nil
}

// add notes where a message was met. A later message of the order is where the order is; of one message the last place is.
func (s *scene) add(m inflight.Met, at *spot) {
	if was := s.spots[m.OrderID]; !m.OrderID.IsZero() && (was == nil || was.due.Version <= m.Version) {
		at.due = m.Cause
		s.spots[m.OrderID] = at
	}
}

// place adds to the facts about an order what is around it.
func (s *scene) place(f *diagnosis.Facts) {
	f.Now, f.Nodes, f.Paused, f.Queue.Group, f.Gaps = s.now, s.nodes, s.paused, inflight.Workers, append(f.Gaps, s.gaps...)
	at := s.spots[f.OrderID]
	if at != nil && f.Listed != nil {
		f.Listed.Due, f.Listed.Written = &at.due, at.written
		f.Listed.Order.Parked = f.Listed.Order.Parked && at.letter != nil // what waits or is in hand is not, or not yet
	}
	due := dueOf(f)
	switch {
	case due == nil:
	case at == nil || at.due.Position != due.Position || at.due.Topic != due.Topic:
		if slices.ContainsFunc(s.lines, func(l diagnosis.Line) bool { return l.Hides(*due) }) {
			f.Gaps = append(f.Gaps, diagnosis.Gap{Part: diagnosis.PartQueue, Why: more})
		}
	case at.hold != nil:
		f.Holds = []diagnosis.Hold{*at.hold}
	case at.letter != nil:
		f.Letter = at.letter
	default:
		f.Queue.Waits = true
	}
}

// dueOf is the message that is due; nil if there is none.
func dueOf(f *diagnosis.Facts) *work.Cause {
	if f.Listed != nil {
		return f.Listed.Due
	}
	causes := work.Causes(f.Events)
	if len(causes) == 0 {
		return nil
	}
	return &causes[len(causes)-1]
}

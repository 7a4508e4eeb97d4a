package bench

import (
	"context"
	"slices"
	"time"

	"orderflow/domain"
	"orderflow/eventstore"
)

// stepLog is what the log says of the steps between two moments.
type stepLog struct {
	workers  int // of each node
	duration time.Duration
	from, to time.Time

	// busy is for how long there was work at steps that completed, over all workers: each
	// for its duration before its end was recorded. A step that its node took along when it was killed after the
	// time counts from its start.
	busy time.Duration
	// waits are those of slots that were filled in the time: from the recorded end of a step
	// to the recorded start of the next on the same node, the slot that has been free longest
	// being filled first.
	waits       []time.Duration
	begun       int // orders, up to the end of the time
	interrupted int // steps, in the time

	lost      string // a node that was killed at lostAt
	lostAt    time.Time
	takenOver []time.Duration // from then until others recorded that its steps were interrupted

	nodes map[string]*nodeSteps
}

// nodeSteps are the starts and ends of a node's steps.
type nodeSteps struct {
	starts, ends []time.Time
	last         map[domain.OrderID]time.Time // when the last step of an order was started
}

// read reads what was appended after heads.
func (l *stepLog) read(ctx context.Context, store *eventstore.Store, heads []int64) error {
	const page = 5000
	for partition, after := range heads {
		for {
			events, err := store.ReadLog(ctx, partition, after, page)
			if err != nil {
				return err
			}
			for _, e := range events {
				l.add(e)
			}
			if len(events) == 0 {
				break
			}
			after = events[len(events)-1].Position
		}
	}
	for _, n := range l.nodes {
		l.waits = append(l.waits, n.waits(l.workers, l.from, l.to)...)
	}
	return nil
}

func (l *stepLog) add(r domain.Recorded) {
	switch e := r.Event.(type) {
	case domain.StepStarted:
		n := l.node(e.Node)
		n.starts = append(n.starts, r.RecordedAt)
		n.last[r.OrderID] = r.RecordedAt
		if e.Step == domain.Steps()[0] && e.Attempt == 1 && !r.RecordedAt.After(l.to) {
			l.begun++
		}
	case domain.StepCompleted:
		n := l.node(e.Node)
		n.ends = append(n.ends, r.RecordedAt)
		l.busy += overlap(r.RecordedAt.Add(-l.duration), r.RecordedAt, l.from, l.to)
	case domain.StepInterrupted:
		n := l.node(e.Node)
		n.ends = append(n.ends, r.RecordedAt)
		if r.RecordedAt.After(l.from) && r.RecordedAt.Before(l.to) {
			l.interrupted++
		}
		if e.Node == l.lost && r.RecordedAt.After(l.lostAt) {
			l.takenOver = append(l.takenOver, r.RecordedAt.Sub(l.lostAt))
			if !l.lostAt.Before(l.to) {
				l.busy += overlap(n.last[r.OrderID], n.last[r.OrderID].Add(l.duration), l.from, l.to)
			}
		}
	}
}

func (l *stepLog) node(name string) *nodeSteps {
	n := l.nodes[name]
	if n == nil {
		n = &nodeSteps{last: map[domain.OrderID]time.Time{}}
		l.nodes[name] = n
	}
	return n
}

// waits matches starts between two moments with the ends that made room for them: the
// first starts have the slots that nothing had been in yet, and each after them that of
// the first end that is left.
func (n *nodeSteps) waits(slots int, from, to time.Time) (all []time.Duration) {
	slices.SortFunc(n.starts, time.Time.Compare)
	slices.SortFunc(n.ends, time.Time.Compare)
	for i := slots; i < len(n.starts); i++ {
		start := n.starts[i]
		if i-slots >= len(n.ends) || start.Before(from) || start.After(to) {
			continue
		}
		all = append(all, max(start.Sub(n.ends[i-slots]), 0))
	}
	return all
}

// overlap is how long two spans of time have in common.
func overlap(a, b, from, to time.Time) time.Duration {
	if a.Before(from) {
		a = from
	}
	if b.After(to) {
		b = to
	}
	return max(b.Sub(a), 0)
}

package tail

import (
	"context"
	"errors"
	"fmt"
	"time"

	"orderflow/projections/internal/rows"
	"orderflow/schema"
)

// Projector applies the log to the orders. One process needs one at most; any number
// of processes may each have one.
type Projector struct {
	db    *schema.DB
	log   Log
	conf  Config
	wake  chan struct{}
	pace  pace
	tails []logTail                              // by partition
	look  func(context.Context) ([]place, error) // finds where they stand

	looked time.Time // when that was done last
	met    time.Time // when another projector was last seen to have moved a checkpoint
}

// NewProjector makes a projector of a migrated database and its log.
func NewProjector(db *schema.DB, log Log, conf Config) *Projector {
	p := &Projector{db: db, log: log, conf: conf.withDefaults(), wake: make(chan struct{}, 1), tails: make([]logTail, log.Partitions())}
	for partition := range p.tails {
		t := &p.tails[partition]
		t.db, t.log, t.conf, t.partition = db, log, &p.conf, partition
		t.turn.mine = true // until another projector is seen
	}
	p.look = p.read
	p.pace = pace{linger: p.conf.Linger, most: p.conf.MaxLinger, poll: p.conf.Poll}
	return p
}

// Wake says that this process has appended events to a partition, up to a position. It never blocks.
func (p *Projector) Wake(partition int, position int64) {
	if partition < len(p.tails) {
		p.tails[partition].wake(position)
	}
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Run does rounds until ctx ends, and then returns nil. Errors are told to OnError
// and what failed is tried again, after a pause that grows to 2 s; an error in one
// partition does not hold up the others. In front of an event that is newer than this program
// it stops in that partition, tells OnError once, and looks now and then whether a newer
// program has gone on.
func (p *Projector) Run(ctx context.Context) error {
	for {
		p.heed()
		begun := time.Now()
		seen, err := p.round(ctx, false)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it was told to stop, and what it was told to stop in the middle of was rolled back
		}
		p.conf.OnRound(err)
		if err != nil {
			p.conf.OnError(fmt.Errorf("projection %s: %w", rows.LiveTable, err))
		}
		if !p.wait(ctx, p.pace.next(seen, time.Since(begun), err)) {
			return nil
		}
	}
}

// Stopped is nil, or why the views do not follow the log any further. It is of kind
// domain.ErrNewer if only a newer version of the program can go on, and of kind domain.ErrCorrupt if
// the views have to be made anew.
func (p *Projector) Stopped() error {
	var all []error
	for partition := range p.tails {
		if s := p.tails[partition].stopped.Load(); s != nil {
			all = append(all, fmt.Errorf("the views of partition %d stop after position %d: %w", partition, s.after, s.err))
		}
	}
	return errors.Join(all...)
}

// heed drops a wake that has not been heard yet: the round that follows reads the heads anyway.
func (p *Projector) heed() {
	select {
	case <-p.wake:
	default:
	}
}

// wait says false if ctx ended.
func (p *Projector) wait(ctx context.Context, until pause) bool {
	timer := time.NewTimer(until.longest)
	defer timer.Stop()
	wake := p.wake
	if until.deaf {
		wake = nil
	}
	for {
		select {
		case <-ctx.Done():
			return false
		case <-timer.C:
			return true
		case <-wake:
			wake = nil
			timer.Reset(until.linger)
		}
	}
}

// Round looks at the log and the checkpoints once, and applies what lies between them, also what Run would
// leave to other projectors. It is for callers who want the views at the heads of now; one goroutine at a time
// may call Round or Run.
func (p *Projector) Round(ctx context.Context) (Seen, error) { return p.round(ctx, true) }

// round is a round; with all, nothing is left to others. Partitions in which another transaction was in the
// way come last.
func (p *Projector) round(ctx context.Context, all bool) (s Seen, err error) {
	places, known := p.known()
	if all || !known {
		if places, err = p.lookAround(ctx); err != nil {
			return s, err
		}
	}
	var errs []error
	var last []int
	for partition := range places {
		if t := &p.tails[partition]; t.turn.vain.IsZero() {
			errs = append(errs, p.visit(ctx, t, places[partition], all, &s))
		} else {
			last = append(last, partition)
		}
	}
	for _, partition := range last {
		errs = append(errs, p.visit(ctx, &p.tails[partition], places[partition], all, &s))
	}
	return s, errors.Join(errs...)
}

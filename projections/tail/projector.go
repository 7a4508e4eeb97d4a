package tail

import (
	"context"
	"errors"
	"fmt"
	"time"

	"orderflow/domain"
	"orderflow/projections/internal/rows"
	"orderflow/schema"
)

// recheck is how often an idle projector reads its checkpoints: a restored backup may have the same log
// and an older checkpoint.
const recheck = 5 * time.Second

// Projector applies the log to the orders. One process needs one at most; any number
// of processes may each have one.
type Projector struct {
	db      *schema.DB
	log     Log
	conf    Config
	wake    chan struct{}
	pace    pace
	tails   []logTail // by partition
	checked time.Time // when the checkpoints were read last
}

// NewProjector makes a projector of a migrated database and its log.
func NewProjector(db *schema.DB, log Log, conf Config) *Projector {
	p := &Projector{db: db, log: log, conf: conf.withDefaults(), wake: make(chan struct{}, 1), tails: make([]logTail, log.Partitions())}
	for partition := range p.tails {
		t := &p.tails[partition]
		t.db, t.log, t.conf, t.partition = db, log, &p.conf, partition
	}
	p.pace = pace{linger: p.conf.Linger, most: p.conf.MaxLinger, poll: p.conf.Poll}
	return p
}

// Wake says that events have been appended. It never blocks.
func (p *Projector) Wake() {
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
		seen, err := p.Round(ctx)
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

// Round looks at the heads of the log once and applies what lies before them. It is for Run, and for
// callers who want the views at the heads of now; one goroutine at a time may call either.
func (p *Projector) Round(ctx context.Context) (s Seen, err error) {
	heads, err := p.log.Heads(ctx)
	if err != nil || !p.behind(heads) {
		return s, err
	}
	checkpoints, err := rows.ReadCheckpoints(ctx, p.db, rows.LiveTable)
	if err != nil {
		return s, rows.Classify(p.db, err)
	}
	p.checked = time.Now()
	var errs []error
	for partition := range p.tails {
		c, there := checkpoints[partition]
		if !there {
			if err := p.begin(ctx, partition); err != nil {
				errs = append(errs, err)
				continue
			}
		}
		err := p.advance(ctx, &p.tails[partition], c, heads[partition], &s)
		errs = append(errs, err)
	}
	return s, errors.Join(errs...)
}

// advance applies one partition from its checkpoint up to a head.
func (p *Projector) advance(ctx context.Context, t *logTail, c rows.Checkpoint, head int64, s *Seen) error {
	others, err := t.follow(c)
	if err == nil {
		var n int
		n, err = t.catchUp(ctx, head)
		s.Applied += n
	}
	newer := errors.Is(err, domain.ErrNewer)
	if t.note(err) && newer {
		p.conf.OnError(fmt.Errorf("projection %s: the views stop in front of an event, until a newer version of the program goes on: %w", rows.LiveTable, err))
	}
	moved := errors.Is(err, errMoved)
	s.Others = s.Others || others || moved
	if moved || newer { // which has been said
		return nil
	}
	return err
}

// begin makes a checkpoint that is missing. Rows that are there already are replaced as
// the partition is applied from its beginning.
func (p *Projector) begin(ctx context.Context, partition int) error {
	err := p.db.InTx(ctx, func(tx *schema.Tx) error {
		return rows.MakeCheckpoint(ctx, tx, rows.LiveTable, partition, rows.Checkpoint{})
	})
	if errors.Is(err, schema.ErrDuplicateKey) {
		return nil // another projector was faster
	}
	return rows.Classify(p.db, err)
}

// behind says whether any partition has events that this projector does not know to be applied,
// or ends before what it knows to be applied, as after a restore of a backup, or whether it is time
// to read the checkpoints again.
func (p *Projector) behind(heads []int64) bool {
	due := time.Since(p.checked) >= recheck
	for partition := range p.tails {
		if t := &p.tails[partition]; due || t.fold == nil || t.position != heads[partition] {
			return true
		}
	}
	return false
}

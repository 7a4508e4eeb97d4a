package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"orderflow/domain"
	"orderflow/schema"
)

// Options say how a projector works.
type Options struct {
	// BatchSize is how many events share a transaction at most; 2,500 by default, at least 2.
	// Only a projector that is far behind takes so many.
	BatchSize int
	// Poll is the longest time between two looks at the log, which find what other
	// processes have appended; 1 s by default.
	Poll time.Duration
	// Linger is the pause between being woken and looking at the log, so that an order that
	// lives for a moment is written once, when it has ended; 50 ms by default.
	Linger time.Duration
	// MaxLinger bounds the same pause under load. There it grows with the time that a pass
	// takes, so that more events share a row and a transaction; 200 ms by default, Linger at
	// least.
	MaxLinger time.Duration
	// OnPass is told how each pass over the log ended, if it is not nil. It must not block.
	OnPass func(error)
	// OnError is told what went wrong, if it is not nil: what is tried again, and rows that
	// were mended. It must not block.
	OnError func(error)
}

func (o Options) withDefaults() Options {
	if o.BatchSize <= 0 {
		o.BatchSize = 2500
	}
	o.BatchSize = max(o.BatchSize, 2) // see whole
	if o.Poll <= 0 {
		o.Poll = time.Second
	}
	if o.Linger <= 0 {
		o.Linger = 50 * time.Millisecond
	}
	if o.MaxLinger <= 0 {
		o.MaxLinger = 200 * time.Millisecond
	}
	o.MaxLinger = max(o.MaxLinger, o.Linger)
	if o.OnPass == nil {
		o.OnPass = func(error) {}
	}
	if o.OnError == nil {
		o.OnError = func(error) {}
	}
	return o
}

// Projector applies the log to the orders. One process needs one at most; any number
// of processes may each have one.
type Projector struct {
	db    *schema.DB
	log   Log
	opts  Options
	wake  chan struct{}
	pace  pace
	stops stops

	// Only Run uses these.
	tails   []tail    // by partition
	checked time.Time // when the checkpoints were read last
}

// recheck is how often an idle projector reads its checkpoints: a backup that was restored may
// have the log as it is remembered, and a checkpoint that lags.
const recheck = 5 * time.Second

// NewProjector makes a projector of a migrated database and its log.
func NewProjector(db *schema.DB, log Log, o Options) *Projector {
	p := &Projector{db: db, log: log, opts: o.withDefaults(), wake: make(chan struct{}, 1), tails: make([]tail, log.Partitions())}
	p.pace = pace{linger: p.opts.Linger, most: p.opts.MaxLinger, poll: p.opts.Poll}
	return p
}

// Wake says that events have been appended. It never blocks.
func (p *Projector) Wake() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Run applies the log until ctx ends, and then returns nil. Errors are told to OnError
// and what failed is tried again, after a pause that grows to 2 s; an error in one
// partition does not hold up the others. In front of an event that is newer than this program
// it stops in that partition, tells OnError once, and looks now and then whether a newer
// program has gone on.
func (p *Projector) Run(ctx context.Context) error {
	for {
		p.heed()
		begun := time.Now()
		seen, err := p.pass(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it was told to stop, and what it was told to stop in the middle of was rolled back
		}
		p.opts.OnPass(err)
		if err != nil {
			p.opts.OnError(fmt.Errorf("projection %s: %w", live, err))
		}
		if !p.wait(ctx, p.pace.next(seen, time.Since(begun), err)) {
			return nil
		}
	}
}

// heed takes back a wake: the pass that follows sees what it was about.
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

// seen is what one pass came upon.
type seen struct {
	applied int  // events
	others  bool // another projector has moved a checkpoint
}

// pass looks at the heads once and applies what lies before them.
func (p *Projector) pass(ctx context.Context) (s seen, err error) {
	heads, err := p.log.Heads(ctx)
	if err != nil {
		return s, err
	}
	if !p.behind(heads) {
		return s, nil
	}
	checkpoints, err := readCheckpoints(ctx, p.db, live)
	if err != nil {
		return s, classify(p.db, err)
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
		others, err := p.tails[partition].follow(tableOf(p.db, live), p.log, c)
		s.others = s.others || others
		if err != nil {
			p.note(partition, err)
			errs = append(errs, err)
			continue
		}
		n, err := p.catchUp(ctx, partition, heads[partition])
		s.applied += n
		if errors.Is(err, errMoved) {
			s.others, err = true, nil
		}
		if errors.Is(err, domain.ErrNewer) {
			err = nil // it has been said
		}
		errs = append(errs, err)
	}
	return s, errors.Join(errs...)
}

// begin makes a checkpoint that is missing. Rows that are there already are replaced as
// the partition is applied from its beginning.
func (p *Projector) begin(ctx context.Context, partition int) error {
	err := p.db.InTx(ctx, func(tx *schema.Tx) error { return makeCheckpoint(ctx, tx, live, partition, checkpoint{}) })
	if errors.Is(err, schema.ErrDuplicateKey) {
		return nil // another projector was faster
	}
	return classify(p.db, err)
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

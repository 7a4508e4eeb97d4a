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

// visit follows one partition from where it was seen. Without all, what is not the projector's to apply now is
// left.
func (p *Projector) visit(ctx context.Context, t *logTail, at place, all bool, s *Seen) error {
	now, behind := time.Now(), at.position < at.head
	if behind && !all && t.turn.rest.After(now) {
		s.leave(t.turn.rest.Sub(now), false)
		return nil
	}
	if !at.begun {
		if !behind {
			return nil
		}
		if made, err := p.begin(ctx, t); err != nil || !made {
			p.passOver(t, p.conf.bounds.row, err, s)
			return err
		}
		at.counts = rows.Counts{}.Encode()
	}
	moved, err := t.follow(at)
	t.turn.see(now, moved, behind)
	if moved {
		p.met = now
	}
	if err != nil || !behind {
		t.note(err)
		return err
	}
	own := t.appended.Load() > at.position
	if wait := t.turn.wait(now, own, p.yield(), p.conf.Poll); wait > 0 && !all {
		s.leave(wait, own)
		return nil
	}
	return p.advance(ctx, t, at.head, s)
}

// advance applies one partition up to a head.
func (p *Projector) advance(ctx context.Context, t *logTail, head int64, s *Seen) error {
	n, err := t.catchUp(ctx, head)
	if n > 0 {
		t.turn.took()
		s.Applied += n
		s.found = s.found || t.position > t.appended.Load()
	}
	newer := errors.Is(err, domain.ErrNewer)
	if t.note(err) && newer {
		p.conf.OnError(fmt.Errorf("projection %s: the views stop in front of an event, until a newer version of the program goes on: %w", rows.LiveTable, err))
	}
	switch {
	case newer: // which has been said
		return nil
	case errors.Is(err, rows.ErrFenced):
		p.passOver(t, 0, err, s)
		return nil
	case errors.Is(err, schema.ErrBusy):
		p.passOver(t, p.conf.bounds.row, err, s)
		return nil
	case errors.Is(err, rows.ErrStill):
		p.passOver(t, p.conf.bounds.row, err, s)
		if !t.halve() {
			return nil // passOver says it once
		}
	}
	return err
}

// passOver leaves a partition for a while, since another transaction was in the way of a try. It is left for so
// much longer than the try has waited for a row that tries are a small part of the projector's time. If that goes on
// for long, OnError is told once. After a try that took longer for another reason it is left for no longer: the views
// lag for as long once the other transaction has ended.
func (p *Projector) passOver(t *logTail, waited time.Duration, why error, s *Seen) {
	now, rest := time.Now(), max(p.yield(), restful*waited)
	t.turn.inTheWay(now.Add(-waited), now.Add(rest))
	s.leave(rest, true)
	if why == nil {
		why = schema.ErrBusy
	}
	if silent, tell := t.turn.overdue(now, p.conf.bounds.silent); tell {
		p.conf.OnError(fmt.Errorf("projection %s: another transaction has been in the way in partition %d for %s; the other partitions go on: %w",
			rows.LiveTable, t.partition, silent.Round(time.Second), why))
	}
}

// yield is how long a partition is left to a projector that has just moved its checkpoint.
func (p *Projector) yield() time.Duration { return yield * p.conf.MaxLinger }

// begin makes a checkpoint that is missing, and says whether it did. One that was seen before is at first taken
// for locked. Rows that are there already are replaced as the partition is applied from its beginning.
func (p *Projector) begin(ctx context.Context, t *logTail) (made bool, err error) {
	if t.seen && t.turn.vain.IsZero() {
		return false, nil
	}
	err = p.db.InTxBrief(ctx, p.conf.bounds.row, func(tx *schema.Tx) error {
		return rows.MakeCheckpoint(ctx, tx, rows.LiveTable, t.partition, rows.Checkpoint{})
	})
	if errors.Is(err, schema.ErrDuplicateKey) || errors.Is(err, schema.ErrBusy) {
		return false, nil
	}
	return err == nil, rows.Classify(p.db, err)
}

package tail

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"orderflow/domain"
	"orderflow/projections/internal/rows"
)

// readWait is how long a projector reads where readers may wait for writers: a look, before it passes over the
// heads that somebody has locked, and the rows of a batch.
const readWait = 2 * time.Second

// place is where a partition stood at a look.
type place struct {
	head     int64 // 0 if its row was passed over
	begun    bool  // its checkpoint was seen: it is missing, or its row was passed over, if not
	position int64
	counts   string // as they are stored
}

// alone is how long no other projector must have been seen before this one takes what it remembers for true.
const alone = 10 * time.Second

// known gives where the partitions stand to which this process has appended, if it moved all their checkpoints
// last and is alone. A checkpoint that has been moved nevertheless will not let the projector pass. Other
// partitions are left out. It says no if there are none, and when it is time to look at all.
func (p *Projector) known() (places []place, some bool) {
	if time.Since(p.looked) >= p.conf.Poll || time.Since(p.met) < alone {
		return nil, false
	}
	places = make([]place, len(p.tails))
	for partition := range p.tails {
		t := &p.tails[partition]
		head := t.appended.Load()
		if head <= t.position {
			continue
		}
		if !t.turn.mine || t.fold == nil {
			return nil, false
		}
		places[partition] = place{head: head, begun: true, position: t.position, counts: t.counts}
		some = true
	}
	return places, some
}

// lookAround finds where all partitions stand. What this process appended is forgotten if the log ends before
// it, as after a restore of a backup.
func (p *Projector) lookAround(ctx context.Context) ([]place, error) {
	appended := make([]int64, len(p.tails))
	for partition := range p.tails {
		appended[partition] = p.tails[partition].appended.Load()
	}
	places, err := p.look(ctx)
	if err != nil {
		return nil, err
	}
	p.looked = time.Now()
	for partition, at := range places {
		if at.head > 0 && at.head < appended[partition] {
			p.tails[partition].appended.CompareAndSwap(appended[partition], at.head)
		}
	}
	return places, nil
}

// read reads heads and checkpoints in one statement. It passes over checkpoints that are just being moved. Where
// readers wait for writers it waits for heads, but not for long, since whoever appends there may have fallen
// silent.
func (p *Projector) read(ctx context.Context) ([]place, error) {
	brief, cancel := context.WithTimeout(ctx, readWait)
	defer cancel()
	places, err := p.readFrom(brief, p.log.Ends(false))
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		places, err = p.readFrom(ctx, p.log.Ends(true))
	}
	if err != nil {
		return nil, fmt.Errorf("look at the log and the checkpoints: %w", rows.Classify(p.db, err))
	}
	return places, nil
}

func (p *Projector) readFrom(ctx context.Context, ends string) ([]place, error) {
	var places []place
	err := p.db.Read(ctx, func(answer *sql.Rows) error {
		places = make([]place, len(p.tails))
		return rows.Each(answer, func() error {
			var partition int
			var head int64
			var position sql.NullInt64
			var counts sql.NullString
			if err := answer.Scan(&partition, &head, &position, &counts); err != nil {
				return err
			}
			if partition >= len(places) {
				return fmt.Errorf("%w: partition %d of %d", domain.ErrCorrupt, partition, len(places))
			}
			places[partition] = place{head: head, begun: position.Valid, position: position.Int64, counts: counts.String}
			return nil
		})
	}, `SELECT h.partition, h.head, c.position, c.counts FROM `+ends+` h
		LEFT JOIN checkpoints c`+p.db.Dialect().SkipLocked()+` ON c.projection = ?1 AND c.partition = h.partition`, rows.LiveTable)
	return places, err
}

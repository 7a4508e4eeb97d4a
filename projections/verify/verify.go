package verify

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"orderflow/domain"
	"orderflow/projections/internal/rows"
	"orderflow/schema"
)

// A part of a verification has at most so many rows, and ends when their details have so
// many bytes. Three parts are in memory at a time; the events are streamed.
const (
	verifyRows  = 300
	verifyBytes = 8 << 20
)

// Config says how to verify.
type Config struct {
	// Progress is called now and then, if it is not nil.
	Progress func(Progress)
}

// errPart says that a part has all the rows that it may have.
var errPart = errors.New("the part is full")

// Run compares every row of the orders with the fold of its events, and every event
// stream with its row, while the system runs. It changes nothing, and holds a few
// hundred rows at a time. That it found something wrong is in the report and no error.
func Run(ctx context.Context, db *schema.DB, log Log, conf Config) (Report, error) {
	begun, report := time.Now(), NewReport()
	heads, err := log.Heads(ctx)
	if err != nil {
		return report, err
	}
	v := &verification{db: db, log: log, conf: conf, report: report, table: rows.TableOf(db, rows.LiveTable), total: rows.Total(heads), folded: rows.Counts{}}
	if v.begun, err = rows.ReadCheckpoints(ctx, db, rows.LiveTable); err == nil {
		err = v.run(ctx)
	}
	v.report.Took = time.Since(begun)
	return v.report, rows.Classify(db, err)
}

// verification is a verification under way.
type verification struct {
	db     *schema.DB
	log    Log
	conf   Config
	table  rows.Table
	report Report
	total  int64                   // events at the beginning
	begun  map[int]rows.Checkpoint // at the beginning
	folded rows.Counts             // of the folds of all events
	broken bool                    // some could not be folded
}

func (v *verification) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for reading := range v.readAhead(ctx) {
		p := <-reading
		if p.err != nil {
			return p.err
		}
		v.report.Events += p.events
		for _, c := range p.compared {
			v.outcome(c, p.checkpoints)
		}
		if v.conf.Progress != nil {
			v.conf.Progress(Progress{Phase: PhaseVerify, Done: v.report.Events, Total: max(v.total, v.report.Events)})
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return v.checkpoints(ctx)
}

// part is some orders that follow one another.
type part struct {
	checkpoints map[int]rows.Checkpoint
	rows        []rows.Row
	until       domain.OrderID // the last id of the part
	events      int64
	compared    []*comparison
	err         error
}

// readAhead compares the orders part by part, two parts at the same time, and gives them
// in order. The channel is closed after the last part, and when ctx ends.
func (v *verification) readAhead(ctx context.Context) <-chan chan part {
	parts := make(chan chan part)
	go func() {
		defer close(parts)
		for after := (domain.OrderID{}); after != rows.LastID; {
			one := make(chan part, 1)
			p := v.read(ctx, after)
			if p.err != nil {
				one <- p
				p.until = rows.LastID
			} else {
				go func(after domain.OrderID) { one <- v.compare(ctx, after, p) }(after)
			}
			select {
			case <-ctx.Done():
				return
			case parts <- one:
			}
			after = p.until
		}
	}()
	return parts
}

// read reads the rows after one id. Checkpoints, rows, events: in this order, see
// comparison.
func (v *verification) read(ctx context.Context, after domain.OrderID) (p part) {
	if p.checkpoints, p.err = rows.ReadCheckpoints(ctx, v.db, rows.LiveTable); p.err != nil {
		return p
	}
	err := v.db.Read(ctx, func(answer *sql.Rows) error {
		p.rows = nil
		details := 0
		return rows.Scan(answer, func(r *rows.Row) error {
			p.rows = append(p.rows, *r)
			if details += len(r.Detail); len(p.rows) == verifyRows || details > verifyBytes {
				p.until = r.ID
				return errPart
			}
			return nil
		})
	}, `SELECT `+rows.Columns+` FROM `+v.table.Name+` WHERE order_id > ?1 ORDER BY order_id `+v.db.Dialect().Limit("?2"), after[:], verifyRows)
	switch {
	case err == nil:
		p.until = rows.LastID
	case errors.Is(err, errPart) && bytes.Compare(p.until[:], after[:]) <= 0:
		p.err = fmt.Errorf("%w: the row of order %s follows that of order %s", domain.ErrCorrupt, p.until, after)
	case !errors.Is(err, errPart):
		p.err = fmt.Errorf("read rows after order %s: %w", after, err)
	}
	return p
}

// compare holds the rows of a part against the events.
func (v *verification) compare(ctx context.Context, after domain.OrderID, p part) part {
	m := merge{rows: p.rows, done: func(c *comparison) { p.compared = append(p.compared, c) }}
	p.err = v.log.EachEvent(ctx, after, p.until, func(r domain.Recorded, undecodable error) {
		p.events++
		m.event(r, undecodable)
	})
	if p.err != nil {
		p.err = fmt.Errorf("read events after order %s: %w", after, p.err)
		return p
	}
	m.end()
	p.rows = nil
	return p
}

func (v *verification) outcome(c *comparison, checkpoints map[int]rows.Checkpoint) {
	if c.order.Version > 0 {
		v.folded.Move("", c.order.Status())
	}
	v.broken = v.broken || c.broken != nil
	v.report.addOrder(c.outcome(checkpoints))
}

// checkpoints looks for checkpoints beyond their heads, and for wrong counts. Where rows are wrong, the
// counts are held against the folds; that can be done if the projection was at the head all the while
// and nothing was appended, and all events could be folded.
func (v *verification) checkpoints(ctx context.Context) error {
	beyond, err := beyondHeads(ctx, v.db, v.log)
	if err != nil {
		return err
	}
	v.report.AddOthers(beyond)
	var wrong []Difference
	if v.report.RowsClean() {
		wrong, err = Miscounts(ctx, v.db)
	} else {
		wrong, err = v.unlikeFolds(ctx)
	}
	v.report.AddOthers(wrong)
	return err
}

func (v *verification) unlikeFolds(ctx context.Context) ([]Difference, error) {
	now, err := rows.ReadCheckpoints(ctx, v.db, rows.LiveTable)
	if err != nil {
		return nil, err
	}
	var damaged []Difference
	stored, positions, still := rows.Counts{}, int64(0), true
	for partition, c := range now {
		if c.Damage != nil {
			damaged = append(damaged, Unreadable(c.Damage))
		}
		still = still && c.Position == v.begun[partition].Position
		positions += c.Position
		stored.AddAll(c.Counts)
	}
	if len(damaged) > 0 {
		return damaged, nil
	}
	if v.broken || !still || positions != v.report.Events {
		return nil, nil
	}
	return UnlikeCounts(stored, v.folded), nil
}

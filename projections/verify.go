package projections

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"orderflow/domain"
	"orderflow/schema"
)

// verifyRows is how many rows are read at once; their events are streamed.
const verifyRows = 500

// VerifyOptions say how to verify.
type VerifyOptions struct {
	// Progress is called now and then, if it is not nil.
	Progress func(Progress)
	// Difference is called with every difference, if it is not nil; the report spells out
	// the first ones only.
	Difference func(Difference)
}

// Verify compares every row of the orders with the fold of its events, and every event
// stream with its row, while the system runs. It changes nothing, and holds a few
// hundred rows at a time. That it found something wrong is in the report and no error.
func Verify(ctx context.Context, db *schema.DB, log Log, o VerifyOptions) (Report, error) {
	begun, report := time.Now(), newReport()
	heads, err := log.Heads(ctx)
	if err != nil {
		return report, err
	}
	v := &verification{db: db, opts: o, report: report, table: tableOf(db, live), codec: domain.NewCodec(), total: total(heads), folded: counts{}}
	if v.begun, err = readCheckpoints(ctx, db, live); err == nil {
		err = v.run(ctx)
	}
	v.report.Took = time.Since(begun)
	return v.report, classify(db, err)
}

// verification is a verification under way.
type verification struct {
	db     *schema.DB
	opts   VerifyOptions
	table  table
	codec  *domain.Codec
	report Report
	total  int64              // events at the beginning
	begun  map[int]checkpoint // at the beginning
	folded counts             // of the folds of all events
	broken bool               // some could not be folded
}

func (v *verification) run(ctx context.Context) error {
	for after := (domain.OrderID{}); after != lastID; {
		until, err := v.part(ctx, after)
		if err != nil {
			return err
		}
		after = until
		if v.opts.Progress != nil {
			v.opts.Progress(Progress{Phase: PhaseVerify, Done: v.report.Events, Total: max(v.total, v.report.Events)})
		}
	}
	return v.counts(ctx)
}

// part compares the orders after one id up to the one it returns. Checkpoints, rows,
// events: in this order, see comparison.
func (v *verification) part(ctx context.Context, after domain.OrderID) (until domain.OrderID, err error) {
	checkpoints, err := readCheckpoints(ctx, v.db, live)
	if err != nil {
		return until, err
	}
	var stored []row
	rows, err := v.db.QueryContext(ctx, `SELECT `+rowColumns+` FROM `+v.table.name+` WHERE order_id > ?1 ORDER BY order_id `+v.db.Dialect().Limit("?2"), after[:], verifyRows)
	if err := eachRow(rows, err, true, func(r row) error { stored = append(stored, r); return nil }); err != nil {
		return until, fmt.Errorf("read rows after order %s: %w", after, err)
	}
	until = lastID
	if len(stored) == verifyRows {
		until = stored[len(stored)-1].id
	}
	m := merge{rows: stored, done: func(c *comparison) { v.outcome(c, checkpoints) }}
	if err := v.events(ctx, after, until, &m); err != nil {
		return until, err
	}
	m.end()
	return until, nil
}

func (v *verification) outcome(c *comparison, checkpoints map[int]checkpoint) {
	if c.order.Version > 0 {
		v.folded.move("", c.order.Status())
	}
	v.broken = v.broken || c.broken != nil
	found, lagging := c.outcome(checkpoints)
	v.report.add(found, lagging)
	if v.opts.Difference != nil {
		for _, d := range found {
			v.opts.Difference(d)
		}
	}
}

// events streams the events of the orders after one id up to another, stream by stream.
func (v *verification) events(ctx context.Context, after, until domain.OrderID, m *merge) error {
	rows, err := v.db.QueryContext(ctx, `SELECT stream_id, version, partition, position, type, data, metadata, recorded_at FROM events
		WHERE stream_id > ?1 AND stream_id <= ?2 ORDER BY stream_id, version`, after[:], until[:])
	if err != nil {
		return fmt.Errorf("read events after order %s: %w", after, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		r, unreadable, err := v.scan(rows)
		if err != nil {
			return fmt.Errorf("read events after order %s: %w", after, err)
		}
		v.report.Events++
		m.event(r, unreadable)
	}
	return rows.Err()
}

// scan reads one event; unreadable is why it cannot be decoded.
func (v *verification) scan(rows *sql.Rows) (r domain.Recorded, unreadable, err error) {
	var id []byte
	var data, meta string
	var at schema.Time
	if err := rows.Scan(&id, &r.Version, &r.Partition, &r.Position, &r.Type, &data, &meta, &at); err != nil {
		return r, nil, err
	}
	if len(id) != len(r.OrderID) {
		return r, nil, fmt.Errorf("%w: a stream id of %d bytes", domain.ErrCorrupt, len(id))
	}
	r.OrderID, r.RecordedAt = domain.OrderID(id), at.Time
	if r.Metadata, unreadable = domain.DecodeMetadata(json.RawMessage(meta)); unreadable == nil {
		r.Event, unreadable = v.codec.Decode(r.Type, r.Metadata.Schema, json.RawMessage(data))
	}
	return r, unreadable, nil
}

// counts holds the counts of the checkpoints against those of the folds, if they can
// be compared: if the projection was at the head all the while and nothing was
// appended, and all events could be folded.
func (v *verification) counts(ctx context.Context) error {
	now, err := readCheckpoints(ctx, v.db, live)
	if err != nil {
		return err
	}
	stored, positions := counts{}, int64(0)
	for partition, c := range now {
		if c.position != v.begun[partition].position {
			return nil
		}
		positions += c.position
		for s, n := range c.counts {
			stored.add(s, n)
		}
	}
	if v.broken || positions != v.report.Events || maps.Equal(stored, v.folded) {
		return nil
	}
	for _, s := range domain.Statuses() {
		if stored[s] != v.folded[s] {
			d := Difference{Kind: KindCounts, Field: string(s), Stored: fmt.Sprint(stored[s]), Expected: fmt.Sprint(v.folded[s])}
			v.report.add([]Difference{d}, false)
			if v.opts.Difference != nil {
				v.opts.Difference(d)
			}
		}
	}
	return nil
}

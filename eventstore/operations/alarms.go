package operations

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/schema"
)

// KeepAlarms is how long an alarm is kept after it was cleared.
const KeepAlarms = 90 * 24 * time.Hour

// Alarms are the alarms of a database, and the rounds that find them.
type Alarms struct{ db *schema.DB }

// NewAlarms opens the alarms.
func NewAlarms(db *schema.DB) *Alarms { return &Alarms{db: db} }

const alarmColumns = `id, code, subject, what, raised_at, acknowledged_at, acknowledged_by, reason, cleared_at`

func scanAlarm(rows *sql.Rows, a *work.Alarm) error {
	var id []byte
	var raised, acknowledged, cleared schema.Time
	err := rows.Scan(&id, &a.Code, &a.Subject, &a.What, &raised, &acknowledged, &a.AcknowledgedBy, &a.Reason, &cleared)
	copy(a.ID[:], id)
	a.RaisedAt, a.AcknowledgedAt, a.ClearedAt = raised.Time, acknowledged.Time, cleared.Time
	return err
}

// Watch gives what is known when a round begins, in two questions.
func (a *Alarms) Watch(ctx context.Context) (w work.Watch, err error) {
	err = a.db.Look(ctx, patience, func(in *schema.Look) error {
		if w, err = watched(ctx, in); err == nil {
			w.Open, err = schema.Collect(ctx, in, scanAlarm, `SELECT `+alarmColumns+` FROM alarms WHERE cleared_at IS NULL ORDER BY id`)
		}
		return err
	})
	if err != nil {
		return w, fmt.Errorf("read where the watchdog is: %w", classify(err))
	}
	return w, nil
}

// Watched is Watch without the alarms.
func (a *Alarms) Watched(ctx context.Context) (w work.Watch, err error) {
	err = a.db.Look(ctx, patience, func(in *schema.Look) error {
		w, err = watched(ctx, in)
		return err
	})
	if err != nil {
		return w, fmt.Errorf("read where the watchdog is: %w", classify(err))
	}
	return w, nil
}

func watched(ctx context.Context, in schema.Reader) (w work.Watch, err error) {
	err = in.Read(ctx, func(rows *sql.Rows) error {
		if !rows.Next() {
			return fmt.Errorf("%w: table watchdog has lost its one row", domain.ErrCorrupt)
		}
		var succeeded, now schema.Time
		err := rows.Scan(&w.Round, &succeeded, &w.Notes, &now)
		w.Succeeded, w.Now = succeeded.Time, now.Time
		return err
	}, `SELECT round, succeeded_at, notes, `+in.Dialect().Now()+` FROM watchdog WHERE one = 1`)
	return w, err
}

// Record writes a round, in one transaction. It is false, and nothing is written, if a round after the one before it was
// written already, or an alarm of the same code and subject was raised. It removes alarms that were cleared long ago.
func (a *Alarms) Record(ctx context.Context, r work.WatchRound) (recorded bool, err error) {
	err = a.db.InTxBrief(ctx, patience, func(tx *schema.Tx) error {
		recorded, err = changes(ctx, tx, `UPDATE watchdog SET round = round + 1, notes = ?2, succeeded_at = CASE WHEN ?3 = 1 THEN ?4 ELSE succeeded_at END
			WHERE one = 1 AND round = ?1`, r.After, r.Notes, r.Succeeded, schema.TimeArg(r.At))
		if err != nil || !recorded {
			return err
		}
		return tx.Ask(ctx, writing(r)...)
	})
	if errors.Is(err, schema.ErrDuplicateKey) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("record round %d of the watchdog: %w", r.After+1, classify(err))
	}
	return recorded, nil
}

// writing are the statements that write the alarms of a round.
func writing(r work.WatchRound) (all []schema.Question) {
	for _, c := range r.Cleared {
		all = append(all, schema.Question{Query: `UPDATE alarms SET cleared_at = ?2 WHERE id = ?1 AND cleared_at IS NULL`, Args: []any{c.ID[:], schema.TimeArg(r.At)}})
	}
	for _, c := range r.Changed {
		all = append(all, schema.Question{Query: `UPDATE alarms SET what = ?2 WHERE id = ?1 AND cleared_at IS NULL`, Args: []any{c.ID[:], c.What}})
	}
	for _, n := range r.Raised {
		all = append(all, schema.Question{
			Query: `INSERT INTO alarms (id, code, subject, what, raised_at) VALUES (?1, ?2, ?3, ?4, ?5)`,
			Args:  []any{n.ID[:], n.Code, n.Subject, n.What, schema.TimeArg(r.At)},
		})
	}
	return append(all, schema.Question{Query: `DELETE FROM alarms WHERE cleared_at < ?1`, Args: []any{schema.TimeArg(r.At.Add(-KeepAlarms))}})
}

// changes runs a statement and says whether it changed a row.
func changes(ctx context.Context, tx *schema.Tx, query string, args ...any) (bool, error) {
	result, err := tx.ExecContext(ctx, query, args...)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// List gives alarms, the latest in front: at most so many of those before an alarm; the zero id stands for the end.
// Without all it gives those that are open.
func (a *Alarms) List(ctx context.Context, all bool, most int, before work.AlarmID) ([]work.Alarm, error) {
	if before.IsZero() {
		before = last
	}
	which := ` AND cleared_at IS NULL`
	if all {
		which = ``
	}
	found, err := schema.Collect(ctx, a.db, scanAlarm, `SELECT `+alarmColumns+` FROM alarms WHERE id < ?1`+which+` ORDER BY id DESC `+a.db.Dialect().Limit("?2"), before[:], most)
	if err != nil {
		return nil, fmt.Errorf("list alarms: %w", classify(err))
	}
	return found, nil
}

// Get gives one alarm; domain.ErrNotFound if there is none.
func (a *Alarms) Get(ctx context.Context, id work.AlarmID) (work.Alarm, error) {
	found, err := schema.Collect(ctx, a.db, scanAlarm, `SELECT `+alarmColumns+` FROM alarms WHERE id = ?1`, id[:])
	if err == nil && len(found) == 0 {
		err = domain.ErrNotFound
	}
	if err != nil {
		return work.Alarm{}, fmt.Errorf("alarm %s: %w", id, classify(err))
	}
	return found[0], nil
}

// Acknowledge notes who has seen an alarm, and records the operation with it. It is false, and nothing is noted, if the
// alarm is acknowledged or cleared already, or there is none.
func (a *Alarms) Acknowledge(ctx context.Context, id work.AlarmID, op work.Operation) (acknowledged bool, err error) {
	err = a.db.InBatchBrief(ctx, patience, func() ([]schema.Question, error) {
		acknowledged = false
		args := []any{id[:], schema.TimeArg(op.At), op.Actor, op.Reason}
		return []schema.Question{{
			Query: `UPDATE alarms SET acknowledged_at = ?2, acknowledged_by = ?3, reason = ?4 WHERE id = ?1 AND acknowledged_at IS NULL AND cleared_at IS NULL`,
			Then:  recordAfter(len(args)), Args: append(args, row(&op)...),
			Both: func(first, _ int64) { acknowledged = first > 0 },
		}}, nil
	})
	if err != nil {
		return false, fmt.Errorf("acknowledge alarm %s: %w", id, classify(err))
	}
	return acknowledged, nil
}

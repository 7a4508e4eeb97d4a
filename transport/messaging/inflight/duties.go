package inflight

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"orderflow/domain/work"
	"orderflow/schema"
)

// Duties is the work that one node at a time does. A duty is held by a registration for as long as the
// registration is good, by the database's clock: it has no clock and no heartbeat of its own.
//
// A node that was paused may go on with a pass of work for a moment after another node has the duty. So what is
// written under a duty must be conditioned, such that it does no harm if two do it.
type Duties struct{ db *schema.DB }

// NewDuties opens the duties of a database.
func NewDuties(db *schema.DB) *Duties { return &Duties{db: db} }

// holder is who has a duty.
type holder struct {
	work.Registration
	good bool // the registration
}

// Hold says whether a registration has a duty. It gives the registration the duty if nobody has it whose own is good.
// Nobody is given one whose registration is not good. What is held already costs one question and changes nothing. A
// row that somebody has locked is not waited for long: the error is then of kind schema.ErrBusy.
func (d *Duties) Hold(ctx context.Context, duty string, of work.Registration) (held bool, err error) {
	now, err := d.holder(ctx, duty)
	switch {
	case err != nil:
	case now == nil:
		held, err = d.begin(ctx, duty, of)
	case !now.good:
		held, err = d.take(ctx, duty, of, now.Registration)
	default:
		held = now.Registration == of
	}
	if err != nil {
		return false, fmt.Errorf("hold the duty %s: %w", duty, err)
	}
	return held, nil
}

// GiveUp makes a duty nobody's, if a registration has it.
func (d *Duties) GiveUp(ctx context.Context, duty string, of work.Registration) error {
	_, err := d.change(ctx, `UPDATE duties SET node = '', epoch = 0, since = `+d.db.Dialect().Now()+`
		WHERE duty = ?1 AND node = ?2 AND epoch = ?3`, duty, of.Node, of.Epoch)
	if err != nil {
		return fmt.Errorf("give the duty %s up: %w", duty, err)
	}
	return nil
}

// holder reads who has a duty; nil if it has no row yet.
func (d *Duties) holder(ctx context.Context, duty string) (found *holder, err error) {
	err = d.db.Look(ctx, briefly, func(look *schema.Look) error {
		return look.Read(ctx, func(rows *sql.Rows) error {
			found = nil
			if !rows.Next() {
				return rows.Err()
			}
			found = &holder{}
			return rows.Scan(&found.Node, &found.Epoch, &found.good)
		}, `SELECT d.node, d.epoch, CASE WHEN `+goodHolder(look.Dialect(), `d.node`, `d.epoch`)+` THEN 1 ELSE 0 END
			FROM duties d WHERE d.duty = ?1`, duty)
	})
	return found, err
}

// goodHolder is the condition that the registration is good that two expressions name. A registration that has been
// declared lost, or was released, is never renewed.
func goodHolder(d schema.Dialect, node, epoch string) string {
	return `EXISTS (SELECT 1 FROM nodes h WHERE h.node = ` + node + ` AND h.epoch = ` + epoch + ` AND h.expires_at > ` + d.Now() +
		` AND h.state <> '` + work.NodeLost + `' AND h.state <> '` + work.NodeStopped + `')`
}

// begin makes the row of a duty. Of two who come at once the key lets one in.
func (d *Duties) begin(ctx context.Context, duty string, of work.Registration) (bool, error) {
	held, err := d.change(ctx, `INSERT INTO duties (duty, node, epoch, since) SELECT ?1, ?2, ?3, `+d.db.Dialect().Now()+`
		WHERE NOT EXISTS (SELECT 1 FROM duties WHERE duty = ?1)`+registered(d.db.Dialect(), `?2`, `?3`), duty, of.Node, of.Epoch)
	if errors.Is(err, schema.ErrDuplicateKey) {
		return false, nil
	}
	return held, err
}

// take gives a duty to a registration, if it still is another's that is not good. Of two who come at once the second
// finds another name in the row.
func (d *Duties) take(ctx context.Context, duty string, of, from work.Registration) (bool, error) {
	dialect := d.db.Dialect()
	return d.change(ctx, `UPDATE duties SET node = ?2, epoch = ?3, since = `+dialect.Now()+`
		WHERE duty = ?1 AND node = ?4 AND epoch = ?5 AND NOT `+goodHolder(dialect, `?4`, `?5`)+registered(dialect, `?2`, `?3`),
		duty, of.Node, of.Epoch, from.Node, from.Epoch)
}

// change runs a statement that changes one row at most, and says whether it did.
func (d *Duties) change(ctx context.Context, query string, args ...any) (did bool, err error) {
	err = d.db.InTxBrief(ctx, briefly, func(tx *schema.Tx) error {
		did, err = changed(ctx, tx, query, args...)
		return err
	})
	return did && err == nil, err
}

package inflight

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"orderflow/domain/work"
	"orderflow/schema"
)

// loss is a registration that has ended, in the transaction that found it so.
type loss struct {
	stopped            bool      // it was released; otherwise it has expired
	heartbeat, expired time.Time // when it was last renewed, and ended, by the database's clock
	first              bool      // this transaction declared it lost
	taken              int       // messages taken over from it
}

// losses are the registrations that a transaction has looked at; nil for those that are good.
type losses map[work.Registration]*loss

// of gives what is known of a registration, and declares it lost if it has expired.
func (all losses) of(ctx context.Context, tx *schema.Tx, registration work.Registration) (*loss, error) {
	if l, known := all[registration]; known {
		return l, nil
	}
	l, err := declareLost(ctx, tx, registration)
	if err == nil {
		all[registration] = l
	}
	return l, err
}

// declareLost says what became of a registration that has ended; nil if it is good. From here
// on its node cannot renew it: if that is renewing it at this moment, the update waits and then
// finds it good, and a registration that was lost or released is never renewed.
func declareLost(ctx context.Context, tx *schema.Tx, t work.Registration) (l *loss, err error) {
	first := false
	err = tx.Ask(ctx,
		schema.Question{Query: `UPDATE nodes SET state = ?3
			WHERE node = ?1 AND epoch = ?2 AND state <> ?3 AND state <> ?4 AND expires_at <= ` + tx.Dialect().Now(),
			Args: []any{t.Node, t.Epoch, work.NodeLost, work.NodeStopped}, Changed: func(rows int64) { first = rows > 0 }},
		schema.Question{Query: `SELECT state, heartbeat_at, expires_at FROM nodes WHERE node = ?1 AND epoch = ?2 AND (state = ?3 OR state = ?4)`,
			Args: []any{t.Node, t.Epoch, work.NodeLost, work.NodeStopped}, Read: func(rows *sql.Rows) error {
				l, err = readLoss(rows)
				return err
			}})
	if l != nil {
		l.first = first
	}
	return l, err
}

// readLoss reads one row, if there is one.
func readLoss(rows *sql.Rows) (l *loss, err error) {
	if rows.Next() {
		l = &loss{}
		var state string
		var heartbeat, expired schema.Time
		err = rows.Scan(&state, &heartbeat, &expired)
		l.stopped, l.heartbeat, l.expired = state == work.NodeStopped, heartbeat.Time, expired.Time
	}
	return l, errors.Join(err, rows.Err())
}

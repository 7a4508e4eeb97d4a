package inflight

import (
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

// losses are the registrations that a transaction found ended.
type losses map[work.Registration]*loss

// declare gives the statements that declare registrations lost that have expired, and that find out which have
// ended. From then on their nodes cannot renew them. A registration that is being renewed at this moment is
// passed over, or else waited for and then found good.
func (all losses) declare(d schema.Dialect, registrations []work.Registration) (questions []schema.Question) {
	for _, r := range registrations {
		args, first := []any{r.Node, r.Epoch, work.NodeLost, work.NodeStopped}, false
		questions = append(questions,
			schema.Question{Query: `UPDATE nodes` + d.SkipLocked() + ` SET state = ?3
				WHERE node = ?1 AND epoch = ?2 AND state <> ?3 AND state <> ?4 AND expires_at <= ` + d.Now(),
				Args: args, Changed: func(rows int64) { first = rows > 0 }},
			schema.Question{Query: `SELECT state, heartbeat_at, expires_at FROM nodes` + d.SkipLocked() + `
				WHERE node = ?1 AND epoch = ?2 AND (state = ?3 OR state = ?4)`,
				Args: args, Read: func(rows *sql.Rows) error {
					l, err := readLoss(rows)
					if l != nil {
						l.first, all[r] = first, l
					}
					return err
				}})
	}
	return questions
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

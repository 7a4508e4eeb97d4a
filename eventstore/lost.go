package eventstore

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"orderflow/domain"
	"orderflow/schema"
)

// errNotCommitted says that a commit whose answer was lost had not taken place when the log was looked at. One that was
// sent whole may do so later (see doubt).
var errNotCommitted = errors.New("the transaction was not committed")

// errLooked ends the transaction of a look. It is rolled back, since a full disk may be why the answer was lost.
var errLooked = errors.New("the log has been looked at")

// resolve finds out whether a commit took place whose answer was lost. The result is nil if it took place,
// errNotCommitted if it has not, and lost if the database stays out of reach until ctx ends.
func (s *Store) resolve(ctx context.Context, c *commit, lost error) error {
	if len(c.events) == 0 || errors.Is(lost, schema.ErrReplaced) { // the file that could tell is gone
		return lost
	}
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		took, err := s.look(ctx, c.events[len(c.events)-1])
		switch {
		case err == nil && took:
			return nil
		case err == nil:
			c.doubted()
			return fmt.Errorf("%w: %w", errNotCommitted, lost)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%w (whether it took place is not known: %w)", lost, errors.Join(err, ctx.Err()))
		case <-timer.C:
		}
	}
}

// look says whether the last event of a group is in the log. Its hash covers position and time, and so belongs to one
// try of the group alone.
func (s *Store) look(ctx context.Context, last *domain.Recorded) (took bool, err error) {
	err = s.db.InTx(ctx, func(tx *schema.Tx) (err error) {
		if took, err = inLog(ctx, tx, last); err == nil {
			err = errLooked
		}
		return err
	})
	if errors.Is(err, errLooked) {
		err = nil
	}
	return took, err
}

// inLog says whether an event is in the log at its position. It locks the head before it looks, so it
// waits for the end of a transaction that may be appending the event, and none commits the event between
// the look and the end of tx. The head is moved and moved back, since an engine may take no lock for an
// update that changes nothing.
func inLog(ctx context.Context, tx *schema.Tx, r *domain.Recorded) (found bool, err error) {
	const move = `UPDATE heads SET head = head + ?1 WHERE partition = ?2`
	err = tx.Ask(ctx,
		schema.Question{Query: move, Args: []any{1, r.Partition}},
		schema.Question{Query: `SELECT hash FROM events WHERE partition = ?1 AND position = ?2`, Args: []any{r.Partition, r.Position}, Read: func(rows *sql.Rows) error {
			var hash []byte
			if !rows.Next() {
				return rows.Err()
			}
			err := rows.Scan(&hash)
			found = bytes.Equal(hash, r.Hash)
			return err
		}},
		schema.Question{Query: move, Args: []any{-1, r.Partition}},
	)
	return found, err
}

// doubt is a try of an append whose answer was lost. The server may have received it late: after the look
// that did not find it.
type doubt struct {
	recorded []domain.Recorded // what the append would have recorded
	last     *domain.Recorded  // of its group
}

// doubted has the appends of a try remember that it may yet take place. It cannot once the head was moved by the next
// try. If the next try refuses an append instead, the same holds the late one back, or the late one was its cause.
func (c *commit) doubted() {
	if c.tx != nil { // the look waits for the end of such a transaction
		return
	}
	last := *c.events[len(c.events)-1]
	for _, p := range c.done {
		p.doubt = &doubt{recorded: slices.Clone(p.recorded), last: &last}
	}
}

// truth is the verdict on an append. If the append was refused, and an earlier try of it was in doubt, truth looks
// whether that one took place after all: it is nil then. Nobody is told of its events; those who follow the log find
// them.
func (s *Store) truth(p *pending, verdict error) error {
	if p.doubt == nil || verdict == nil || errors.Is(verdict, domain.ErrUnavailable) {
		return verdict
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.conf.Timeout)
	defer cancel()
	took, err := s.look(ctx, p.doubt.last)
	switch {
	case err != nil:
		return fmt.Errorf("%w (and whether an earlier try took place is not known: %w)", classify(err), verdict)
	case took:
		p.recorded, p.err = p.doubt.recorded, nil
		return nil
	}
	return verdict
}

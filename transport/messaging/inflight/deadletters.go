package inflight

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/schema"
)

// DeadLetters are the messages that were given up. They wait for an operator's decision.
type DeadLetters struct {
	db *schema.DB
}

// NewDeadLetters opens the dead letters of a database.
func NewDeadLetters(db *schema.DB) *DeadLetters { return &DeadLetters{db: db} }

// LetterKey names a dead letter: the position of its message in the log, and the group that gave it up.
type LetterKey struct {
	Group     string `json:"group"`
	Topic     string `json:"topic"`
	Partition int    `json:"partition"`
	Position  int64  `json:"position"`
}

func (k LetterKey) String() string {
	return fmt.Sprintf("%s:%s/%d/%d", k.Group, k.Topic, k.Partition, k.Position)
}

// ParseLetterKey reads what String wrote.
func ParseLetterKey(text string) (LetterKey, error) {
	group, rest, _ := strings.Cut(text, ":")
	parts := strings.Split(rest, "/")
	if group == "" || len(parts) != 3 {
		return LetterKey{}, fmt.Errorf("%w: dead letter %.100q: expected GROUP:TOPIC/PARTITION/POSITION", domain.ErrInvalid, text)
	}
	partition, perr := strconv.Atoi(parts[1])
	position, err := strconv.ParseInt(parts[2], 10, 64)
	if err := errors.Join(perr, err); err != nil {
		return LetterKey{}, fmt.Errorf("%w: dead letter %.100q: %s", domain.ErrInvalid, text, err)
	}
	return LetterKey{Group: group, Topic: parts[0], Partition: partition, Position: position}, nil
}

func (k LetterKey) args() []any { return []any{k.Group, k.Topic, k.Partition, k.Position} }

// letter is the row of a LetterKey; ?1 to ?4.
const letter = ` WHERE consumer_group = ?1 AND topic = ?2 AND partition = ?3 AND position = ?4`

// DeadLetter is a message that was given up.
type DeadLetter struct {
	LetterKey
	UUID          string    `json:"uuid"`
	Payload       string    `json:"payload"`
	Attempt       int       `json:"attempt"`
	Interruptions int       `json:"interruptions"`
	Reason        string    `json:"reason"`
	ParkedAt      time.Time `json:"parked_at"`
}

// Park moves the message of a lease to the dead letters. It is for messages that belong to no order; others
// are parked by Leases, with the event that says so. The error is domain.ErrFenced if the lease is no longer
// held.
func (d *DeadLetters) Park(ctx context.Context, l work.Lease, reason string) error {
	err := d.db.InTx(ctx, func(tx *schema.Tx) error {
		held := false
		err := tx.Ask(ctx, park(tx.Dialect(), l, reason, func(rows int64) { held = rows > 0 })...)
		if err == nil && !held {
			err = domain.ErrFenced
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("park message %s/%d/%d: %w", l.Topic, l.Partition, l.Position, err)
	}
	return nil
}

// RequeueTx gives a dead letter back to its group, within tx. It can be claimed at once. Its attempts count
// on, so that no earlier attempt can be taken for a new one; its interruptions begin anew. If the letter
// belongs to an order, the event that resumes the order belongs in the same transaction. The error is
// domain.ErrNotFound if there is no such letter.
func (d *DeadLetters) RequeueTx(ctx context.Context, tx *schema.Tx, k LetterKey) error {
	return d.RequeueSeenTx(ctx, tx, k, anyAttempt)
}

// RequeueSeenTx is RequeueTx of a letter that is at the attempt at which it was seen. One that was requeued and
// parked again meanwhile is another: the error is domain.ErrNotFound.
func (d *DeadLetters) RequeueSeenTx(ctx context.Context, tx *schema.Tx, k LetterKey, attempt int) error {
	// An engine need not lock a row for an update that changes nothing.
	err := changeLetter(ctx, tx, `UPDATE dead_letters SET attempt = attempt + 1`, k, attempt)
	if err != nil {
		return fmt.Errorf("requeue dead letter %s: %w", k, err)
	}
	// It is due since always: an operator's command judges no lease, and need not know the clock.
	_, err = tx.ExecContext(ctx, `INSERT INTO inflight (consumer_group, first_topic, partition, first_position, topic, position, uuid, payload, metadata,
			node, epoch, attempt, interruptions, claimed_at, available_at)
		SELECT consumer_group, topic, partition, position, topic, position, uuid, payload, metadata, '', 0, attempt - 1, 0, parked_at, ?5
		FROM dead_letters`+letter, append(k.args(), schema.TimeArg(time.Unix(0, 0)))...)
	if err == nil {
		err = changeLetter(ctx, tx, `DELETE FROM dead_letters`, k, anyAttempt)
	}
	if err != nil {
		return fmt.Errorf("requeue dead letter %s: %w", k, err)
	}
	return nil
}

// Requeue is RequeueTx in a transaction of its own.
func (d *DeadLetters) Requeue(ctx context.Context, k LetterKey) error {
	return d.db.InTx(ctx, func(tx *schema.Tx) error { return d.RequeueTx(ctx, tx, k) })
}

// Discard removes a dead letter for good. The error is domain.ErrNotFound if there is no such letter.
func (d *DeadLetters) Discard(ctx context.Context, k LetterKey) error {
	return d.db.InTx(ctx, func(tx *schema.Tx) error { return d.DiscardSeenTx(ctx, tx, k, anyAttempt) })
}

// DiscardSeenTx is Discard within tx, of a letter that is at the attempt at which it was seen.
func (d *DeadLetters) DiscardSeenTx(ctx context.Context, tx *schema.Tx, k LetterKey, attempt int) error {
	if err := changeLetter(ctx, tx, `DELETE FROM dead_letters`, k, attempt); err != nil {
		return fmt.Errorf("discard dead letter %s: %w", k, err)
	}
	return nil
}

// RemoveTx removes a dead letter within tx, if there is one.
func (d *DeadLetters) RemoveTx(ctx context.Context, tx *schema.Tx, k LetterKey) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM dead_letters`+letter, k.args()...); err != nil {
		return fmt.Errorf("remove dead letter %s: %w", k, err)
	}
	return nil
}

// anyAttempt is none that a letter has.
const anyAttempt = -1

// changeLetter changes a letter's row, if it is at an attempt. Of two who decide on a letter at once one finds it gone.
func changeLetter(ctx context.Context, tx *schema.Tx, how string, k LetterKey, attempt int) error {
	how, args := how+letter, k.args()
	if attempt != anyAttempt {
		how, args = how+` AND attempt = ?5`, append(args, attempt)
	}
	found, err := changed(ctx, tx, how, args...)
	if err == nil && !found {
		err = domain.ErrNotFound
	}
	return err
}

// Get gives one dead letter. The error is domain.ErrNotFound if there is no such letter.
func (d *DeadLetters) Get(ctx context.Context, k LetterKey) (DeadLetter, error) {
	of, err := d.query(ctx, letter, k.args()...)
	if err == nil && len(of) == 0 {
		err = domain.ErrNotFound
	}
	if err != nil {
		return DeadLetter{}, fmt.Errorf("dead letter %s: %w", k, err)
	}
	return of[0], nil
}

func (d *DeadLetters) query(ctx context.Context, which string, args ...any) ([]DeadLetter, error) {
	return schema.Collect(ctx, d.db, func(rows *sql.Rows, l *DeadLetter) error {
		var payload []byte
		var at schema.Time
		err := rows.Scan(&l.Group, &l.Topic, &l.Partition, &l.Position, &l.UUID, &payload, &l.Attempt, &l.Interruptions, &l.Reason, &at)
		l.Payload, l.ParkedAt = string(payload), at.Time
		return err
	}, `SELECT consumer_group, topic, partition, position, uuid, payload, attempt, interruptions, reason, parked_at FROM dead_letters`+which, args...)
}

package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/handlers"
	"orderflow/handlers/operate"
	"orderflow/transport/messaging/inflight"
)

// letterJob is a job about dead letters.
type letterJob struct {
	Letters
	action string // of the operations that tell of what no event tells of
	do     decision
}

// Check is operate.JobKind's.
func (letterJob) Check(text json.RawMessage) (json.RawMessage, error) {
	f, err := operate.ReadFilter[operate.LetterFilter](text)
	if err == nil {
		err = errors.Join(f.Check(), inflight.LetterFilter(f).Validate())
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(f)
}

// Allowed is operate.JobKind's: letters may always be decided on.
func (letterJob) Allowed() error { return nil }

// selectedAtOnce is how many items are selected with one question.
const selectedAtOnce = 500

// Select is operate.JobKind's.
func (k letterJob) Select(ctx context.Context, filter json.RawMessage, cursor string) (all []operate.Selected, next string, err error) {
	f, err := operate.ReadFilter[operate.LetterFilter](filter)
	if err != nil {
		return nil, "", err
	}
	page, err := inflight.NewDeadLetters(k.DB).Page(ctx, inflight.LetterFilter(f), cursor, selectedAtOnce)
	for _, one := range page.Letters {
		l := told(one)
		about := fmt.Sprintf("parked %s: %s", l.ParkedAt.UTC().Format(time.RFC3339), l.Reason)
		if l.OrderID != "" {
			about = fmt.Sprintf("order %s, %s", l.OrderID, about)
		}
		all = append(all, operate.Selected{Subject: l.Letter, Seen: l.Attempt, About: about})
	}
	return all, page.Next, err
}

// Do is operate.JobKind's.
func (k letterJob) Do(ctx context.Context, j work.Job, it work.JobItem) error {
	key, err := inflight.ParseLetterKey(it.Subject)
	if err != nil {
		return err
	}
	of := inflight.NewDeadLetters(k.DB)
	found, err := asSeen(ctx, of, key, it)
	if err != nil {
		return err
	}
	by := operate.ByOf(j)
	op, err := by.Operation(k.action, it.Subject, "done by job "+j.ID.String())
	if err != nil {
		return err
	}
	meta := metadata(by)
	meta.CausationID = j.ID.String()
	l := letter{DeadLetter: found, Letters: k.Letters, of: of, by: by, op: op, job: &ending{j, it}}
	if _, err = k.do(ctx, handlers.Letters{Orders: k.Store}, l, meta); errors.Is(err, domain.ErrNotFound) { // it was there before
		if _, err = asSeen(ctx, of, key, it); err == nil {
			err = domain.ErrConflict
		}
	}
	return err
}

// asSeen gives a letter that is as it was seen; a *operate.ChangedError if it is not.
func asSeen(ctx context.Context, of *inflight.DeadLetters, key inflight.LetterKey, it work.JobItem) (inflight.DeadLetter, error) {
	found, err := of.Get(ctx, key)
	switch {
	case errors.Is(err, domain.ErrNotFound):
		err = &operate.ChangedError{How: "it is gone: others requeued or discarded it"}
	case err == nil && found.Attempt != it.Seen:
		err = &operate.ChangedError{How: fmt.Sprintf("it was seen at attempt %d, and is at attempt %d now", it.Seen, found.Attempt)}
	}
	return found, err
}

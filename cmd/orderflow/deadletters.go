package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/eventstore"
	"orderflow/handlers"
	"orderflow/schema"
	"orderflow/transport/messaging/inflight"
)

// deadlettersCmd holds the commands about dead letters.
type deadlettersCmd struct {
	List    deadlettersListCmd    `cmd:"" help:"List the dead letters, the latest first."`
	Requeue deadlettersRequeueCmd `cmd:"" help:"Give dead letters back to the workers, and resume their orders."`
	Fail    deadlettersFailCmd    `cmd:"" help:"Give up the parked orders of dead letters: what was done is rolled back."`
	Discard deadlettersDiscardCmd `cmd:"" help:"Remove dead letters that are about no parked order."`
}

func (deadlettersCmd) Help() string {
	return `A message whose step was interrupted too often (--max-interruptions) is parked here with its order, for an operator to
find out why. Its order is shown as Parked and is not worked on; no other order waits for it.`
}

// letterArgs name dead letters of a database.
type letterArgs struct {
	dataFlags
	Letters []letterArg `arg:"" name:"letter" help:"The letter, as the list names it: GROUP:TOPIC/PARTITION/POSITION."`
}

// letterArg is the key of a dead letter as an argument.
type letterArg struct{ key inflight.LetterKey }

// UnmarshalText is encoding.TextUnmarshaler.
func (a *letterArg) UnmarshalText(text []byte) (err error) {
	a.key, err = inflight.ParseLetterKey(string(text))
	return err
}

// deadlettersListCmd lists dead letters.
type deadlettersListCmd struct {
	dataFlags
	Limit int `default:"100" help:"How many at most. It is said if there are more."`
}

// Validate refuses a length that no list has.
func (c *deadlettersListCmd) Validate() error {
	if c.Limit < 1 || c.Limit > maxLetters {
		return fmt.Errorf("--limit is %d: give 1 to %d", c.Limit, maxLetters)
	}
	return c.databaseFlag.Validate()
}

// maxLetters bounds what one list holds in memory.
const maxLetters = 100_000

// letterJSON is a dead letter as it is printed.
type letterJSON struct {
	Letter string `json:"letter"`
	inflight.DeadLetter
	OrderID string `json:"order_id,omitempty"` // empty if the message names none
}

func (c *deadlettersListCmd) Run(ctx context.Context, out *output) error {
	return c.reading(ctx, out, func(db *schema.DB) error {
		all, err := inflight.NewDeadLetters(db).List(ctx, c.Limit+1) // one more says whether there are more
		if err != nil {
			return err
		}
		if len(all) > c.Limit {
			all = all[:c.Limit]
			defer out.notef("There are more than these %d, the latest: give a higher --limit.", c.Limit)
		}
		letters, rows := []letterJSON{}, [][]any(nil)
		for _, l := range all {
			j := letterJSON{Letter: l.String(), DeadLetter: l}
			if id, err := work.DecodePayload([]byte(l.Payload)); err == nil {
				j.OrderID = id.String()
			}
			letters = append(letters, j)
			rows = append(rows, []any{j.Letter, j.OrderID, l.Attempt, l.Interruptions, l.ParkedAt, l.Reason})
		}
		return c.table(out, letters, "LETTER ORDER ATTEMPTS INTERRUPTIONS PARKED REASON", rows)
	})
}

// deadlettersRequeueCmd gives dead letters back.
type deadlettersRequeueCmd struct {
	letterArgs
	Reason string `required:"" placeholder:"TEXT" help:"Why; it goes into the order's history."`
	Actor  string `placeholder:"NAME" help:"Who decided; it goes into the order's history, beside the user who runs this. Default: that user."`
}

func (deadlettersRequeueCmd) Help() string {
	return `The order's history gets an OrderResumed event with who and why, in the transaction that gives the message back. Its
interruptions count anew, its attempts count on.

Example: orderflow deadletters requeue workers:processing/0/4711 --reason "the press is mended"`
}

// decided is what became of one letter, as it is printed.
type decided struct {
	Letter  string `json:"letter"`
	OrderID string `json:"order_id,omitempty"` // of the order that was resumed
}

// Validate refuses a reason that says nothing.
func (c *deadlettersRequeueCmd) Validate() error {
	if strings.TrimSpace(c.Reason) == "" {
		return errors.New("--reason is empty: say why, for those who read the order's history")
	}
	return c.databaseFlag.Validate()
}

// Run gives the letters back.
func (c *deadlettersRequeueCmd) Run(ctx context.Context, out *output) error {
	meta := domain.Metadata{Actor: actor(c.Actor), RunBy: runBy()}
	return c.decide(ctx, out, "requeued", func(all handlers.Letters, l letter) (string, error) {
		resumed, err := all.Requeue(ctx, l, meta, c.Reason)
		if resumed.IsZero() {
			return "", err
		}
		return resumed.String(), err
	})
}

// deadlettersDiscardCmd removes dead letters.
type deadlettersDiscardCmd struct {
	letterArgs
}

func (deadlettersDiscardCmd) Help() string {
	return `For messages that no order waits for. The letter of a parked order is refused: without it the order could never go on.`
}

// Run removes the letters.
func (c *deadlettersDiscardCmd) Run(ctx context.Context, out *output) error {
	return c.decide(ctx, out, "discarded", func(all handlers.Letters, l letter) (string, error) {
		return "", all.Discard(ctx, l)
	})
}

// decide applies one decision to each letter and prints the result. The first letter for which that
// fails ends the command.
func (a letterArgs) decide(ctx context.Context, out *output, what string, do func(handlers.Letters, letter) (resumed string, err error)) error {
	return a.service(ctx, func(s service) error {
		letters := inflight.NewDeadLetters(s.db)
		done := []decided{}
		for _, arg := range a.Letters {
			found, err := letters.Get(ctx, arg.key)
			if err != nil {
				return err
			}
			order, err := do(handlers.Letters{Orders: s.store}, letter{found, letters, s.store})
			if err != nil {
				return fmt.Errorf("%s: %w", arg.key, err)
			}
			done = append(done, decided{Letter: arg.key.String(), OrderID: order})
			if !a.JSON {
				if err := out.sayf("%s %s %s", what, arg.key, order); err != nil {
					return err
				}
			}
		}
		if a.JSON {
			return out.json(done)
		}
		return nil
	})
}

// letter is a dead letter of the database.
type letter struct {
	inflight.DeadLetter
	letters *inflight.DeadLetters
	store   *eventstore.Store
}

// Body is handlers.Letter's.
func (l letter) Body() []byte { return []byte(l.Payload) }

// Requeue is handlers.Letter's.
func (l letter) Requeue(ctx context.Context, unit *work.Unit) error {
	if unit == nil {
		return l.letters.Requeue(ctx, l.LetterKey)
	}
	_, err := l.store.AppendWith(ctx, *unit, func(ctx context.Context, tx *schema.Tx) error {
		return l.letters.RequeueTx(ctx, tx, l.LetterKey)
	})
	return err
}

// Discard is handlers.Letter's.
func (l letter) Discard(ctx context.Context) error { return l.letters.Discard(ctx, l.LetterKey) }

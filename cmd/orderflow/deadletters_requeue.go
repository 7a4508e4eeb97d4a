package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ThreeDotsLabs/watermill"

	"orderflow/cmd/orderflow/node"
	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/eventstore"
	"orderflow/schema"
	"orderflow/transport/messaging"
)

// deadlettersRequeueCmd gives dead letters back.
type deadlettersRequeueCmd struct {
	databaseFlag
	jsonFlag
	letterArgs
	Reason string `required:"" placeholder:"TEXT" help:"Why; it goes into the order's history."`
	Actor  string `placeholder:"NAME" help:"Who decided; it goes into the order's history, beside the user who runs this. Default: that user."`
}

// Help is the long help.
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
	return decide(ctx, out, c.databaseFlag, c.JSON, c.Letters, "requeued", func(l desk, letter messaging.DeadLetter) (string, error) {
		return l.requeue(ctx, letter, domain.Metadata{Actor: actor(c.Actor), RunBy: runBy()}, c.Reason)
	})
}

// deadlettersDiscardCmd removes dead letters.
type deadlettersDiscardCmd struct {
	databaseFlag
	jsonFlag
	letterArgs
}

// Help is the long help.
func (deadlettersDiscardCmd) Help() string {
	return `For messages that no order waits for. The letter of a parked order is refused: without it the order could never go on.`
}

// Run removes the letters.
func (c *deadlettersDiscardCmd) Run(ctx context.Context, out *output) error {
	return decide(ctx, out, c.databaseFlag, c.JSON, c.Letters, "discarded", func(l desk, letter messaging.DeadLetter) (string, error) {
		return "", l.discard(ctx, letter)
	})
}

// desk is where dead letters are decided on.
type desk struct {
	store   *eventstore.Store
	letters *messaging.DeadLetters
}

// decide does what is to be done with each letter and prints what became of it; the
// first that cannot be dealt with ends it.
func decide(ctx context.Context, out *output, f databaseFlag, asJSON bool, args []letterArg, what string,
	do func(desk, messaging.DeadLetter) (order string, err error),
) error {
	return f.with(ctx, func(db *schema.DB) error {
		store, _, err := node.OpenStore(ctx, db, 0, nil, watermill.NopLogger{})
		if err != nil {
			return err
		}
		d := desk{store: store, letters: messaging.NewDeadLetters(db)}
		done := []decided{}
		for _, arg := range args {
			key := arg.key
			letter, err := d.letters.Get(ctx, key)
			if err != nil {
				return err
			}
			order, err := do(d, letter)
			if err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			done = append(done, decided{Letter: key.String(), OrderID: order})
			if !asJSON {
				if err := out.sayf("%s %s %s", what, key, order); err != nil {
					return err
				}
			}
		}
		if asJSON {
			return out.json(done)
		}
		return nil
	})
}

// order is the order that waits for a letter; its version is 0 if there is none.
func (d desk) order(ctx context.Context, letter messaging.DeadLetter) (o domain.Order, last domain.Recorded, err error) {
	id, err := work.DecodePayload([]byte(letter.Payload))
	if err != nil {
		return o, last, nil //nolint:nilerr // a message that names no order is why it is here
	}
	events, err := d.store.Load(ctx, id)
	if errors.Is(err, domain.ErrNotFound) {
		return o, last, nil
	}
	if err != nil {
		return o, last, err
	}
	o, err = domain.Fold(events)
	return o, events[len(events)-1], err
}

// requeue gives a letter back, together with the event that resumes its order.
func (d desk) requeue(ctx context.Context, letter messaging.DeadLetter, meta domain.Metadata, reason string) (order string, err error) {
	o, last, err := d.order(ctx, letter)
	if err != nil {
		return "", err
	}
	if !o.Parked {
		return "", d.letters.Requeue(ctx, letter.LetterKey)
	}
	meta.CausationID, meta.CorrelationID = domain.EventID(o.ID, last.Version), last.Metadata.CorrelationID
	unit, err := work.Prepare(&o, meta, domain.Resume{Reason: reason})
	if err != nil {
		return "", err
	}
	_, err = d.store.AppendWith(ctx, unit, func(ctx context.Context, tx *schema.Tx) error {
		return d.letters.RequeueTx(ctx, tx, letter.LetterKey)
	})
	return o.ID.String(), err
}

func (d desk) discard(ctx context.Context, letter messaging.DeadLetter) error {
	o, _, err := d.order(ctx, letter)
	if err != nil {
		return err
	}
	if o.Parked {
		return fmt.Errorf("order %s is parked and could never go on without it: requeue it", o.ID)
	}
	return d.letters.Discard(ctx, letter.LetterKey)
}

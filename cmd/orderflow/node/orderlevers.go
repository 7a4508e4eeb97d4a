package node

import (
	"context"
	"errors"
	"fmt"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/eventstore"
	"orderflow/eventstore/operations"
	"orderflow/handlers/operate"
	"orderflow/schema"
	"orderflow/transport/messaging/inflight"
)

// OrderLevers are the levers on the orders of a database. No node need run.
func OrderLevers(db *schema.DB, store *eventstore.Store) operate.OrderLevers {
	return orderLevers(db, store, nil)
}

// observer is told of events that were stored, to count them.
type observer func(order *domain.Order, events []domain.Recorded)

func orderLevers(db *schema.DB, store *eventstore.Store, observe observer) operate.OrderLevers {
	return operate.OrderLevers{Orders: leverOrders{Store: store, letters: inflight.NewDeadLetters(db), observe: observe}}
}

// leverOrders is operate.Orders.
type leverOrders struct {
	*eventstore.Store
	letters *inflight.DeadLetters
	observe observer // nil: nobody counts
	job     *ending  // for an item of a job; nil for none
}

// Append is operate.Orders'.
func (o leverOrders) Append(ctx context.Context, u work.Unit, b operate.Beside) error {
	if o.job != nil {
		u.Metadata.CausationID = o.job.job.ID.String()
	}
	done, err := o.AppendWith(ctx, u, func(ctx context.Context, tx *schema.Tx) error {
		if err := o.job.done(ctx, tx, domain.EventID(u.OrderID, u.Expected+1)); err != nil {
			return err
		}
		if m := b.Message; m != nil {
			key := inflight.LetterKey{Group: inflight.Workers, Topic: m.Topic, Partition: m.Partition, Position: m.Position}
			if err := o.letters.RemoveTx(ctx, tx, key); err != nil {
				return err
			}
		}
		if b.Control == nil {
			return nil
		}
		return tx.Ask(ctx, operations.Setting(*b.Control)...)
	})
	if err == nil && o.observe != nil {
		o.observe(nil, done.Events)
	}
	if errors.Is(err, schema.ErrDuplicateKey) { // of the control, which another request sets at this moment
		err = fmt.Errorf("%w: %w", domain.ErrConflict, err)
	}
	return err
}

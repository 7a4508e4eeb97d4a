package node

import (
	"context"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/eventstore"
	"orderflow/eventstore/operations"
	"orderflow/handlers"
	"orderflow/handlers/operate"
	"orderflow/schema"
	"orderflow/transport/messaging/inflight"
)

// Letters are the dead letters for operators, from the database alone: no node need run.
type Letters struct {
	DB    *schema.DB
	Store *eventstore.Store // nil: they can only be listed
}

// mostTold is how many letters are counted for a list.
const mostTold = 100_000

// List gives a page of the dead letters that a filter lets through, and how many there are.
func (l Letters) List(ctx context.Context, f operate.LetterFilter, cursor string, limit int) (p operate.LetterPage, err error) {
	of := inflight.NewDeadLetters(l.DB)
	page, err := of.Page(ctx, inflight.LetterFilter(f), cursor, limit)
	if err != nil {
		return p, err
	}
	p = operate.LetterPage{Letters: make([]operate.Letter, len(page.Letters)), NextCursor: page.Next, TotalLimit: mostTold}
	for i, one := range page.Letters {
		p.Letters[i] = told(one)
	}
	p.Total, err = of.Count(ctx, inflight.LetterFilter(f), mostTold+1)
	return p, err
}

// told is a dead letter as it is told of.
func told(l inflight.DeadLetter) operate.Letter {
	t := operate.Letter{
		Letter: l.String(), Group: l.Group, Topic: l.Topic, Partition: l.Partition, Position: l.Position, UUID: l.UUID, Payload: l.Payload,
		Attempt: l.Attempt, Interruptions: l.Interruptions, Reason: l.Reason, ParkedAt: l.ParkedAt,
	}
	if id, err := work.DecodePayload([]byte(l.Payload)); err == nil {
		t.OrderID = id.String()
	}
	return t
}

// Requeue gives a dead letter back to the workers, and resumes its order; domain.ErrNotFound if there is no such letter.
func (l Letters) Requeue(ctx context.Context, key string, by operate.By) (operate.LetterDone, error) {
	return l.decide(ctx, key, by, "deadletters requeue", "it was given back, and is about no parked order", requeue)
}

// Discard removes a dead letter that no parked order waits for; domain.ErrNotFound if there is no such letter.
func (l Letters) Discard(ctx context.Context, key string, by operate.By) (operate.LetterDone, error) {
	return l.decide(ctx, key, by, "deadletters discard", "it was removed", discard)
}

// decision is what is done to a dead letter. order is the one that was resumed, if one was.
type decision func(ctx context.Context, all handlers.Letters, l letter, meta domain.Metadata) (order domain.OrderID, err error)

func requeue(ctx context.Context, all handlers.Letters, l letter, meta domain.Metadata) (domain.OrderID, error) {
	return all.Requeue(ctx, l, meta, l.by.Reason)
}

func discard(ctx context.Context, all handlers.Letters, l letter, _ domain.Metadata) (none domain.OrderID, _ error) {
	return none, all.Discard(ctx, l)
}

func (l Letters) decide(ctx context.Context, key string, by operate.By, action, result string, do decision) (done operate.LetterDone, err error) {
	op, err := by.Operation(action, key, result)
	if err != nil {
		return done, err
	}
	k, err := inflight.ParseLetterKey(key)
	if err != nil {
		return done, err
	}
	of := inflight.NewDeadLetters(l.DB)
	found, err := of.Get(ctx, k)
	if err != nil {
		return done, err
	}
	order, err := do(ctx, handlers.Letters{Orders: l.Store}, letter{DeadLetter: found, of: of, Letters: l, by: by, op: op}, metadata(by))
	done.Letter = key
	if !order.IsZero() {
		done.OrderID = order.String()
	}
	return done, err
}

// metadata is that of the events of an operator.
func metadata(by operate.By) domain.Metadata {
	return domain.Metadata{Actor: by.Actor, RunBy: by.About[operate.AboutRunBy]}
}

// letter is a dead letter of the database that somebody decides on.
type letter struct {
	inflight.DeadLetter
	Letters
	of  *inflight.DeadLetters
	by  operate.By
	op  work.Operation // is recorded if no event tells of the decision
	job *ending        // for an item of a job; nil for none
}

var _ handlers.Letter = letter{}

// Body is handlers.Letter's.
func (l letter) Body() []byte { return []byte(l.Payload) }

// Requeue is handlers.Letter's.
func (l letter) Requeue(ctx context.Context, unit *work.Unit) error {
	give := func(ctx context.Context, tx *schema.Tx) error {
		return l.of.RequeueSeenTx(ctx, tx, l.LetterKey, l.Attempt)
	}
	if unit == nil {
		return l.recorded(ctx, give)
	}
	ref := domain.EventID(unit.OrderID, unit.Expected+1)
	_, err := l.Store.AppendWith(ctx, *unit, func(ctx context.Context, tx *schema.Tx) error {
		if err := l.job.done(ctx, tx, ref); err != nil {
			return err
		}
		return give(ctx, tx)
	})
	return err
}

// Discard is handlers.Letter's.
func (l letter) Discard(ctx context.Context) error {
	return l.recorded(ctx, func(ctx context.Context, tx *schema.Tx) error {
		return l.of.DiscardSeenTx(ctx, tx, l.LetterKey, l.Attempt)
	})
}

// recorded does what no event tells of, with its operation.
func (l letter) recorded(ctx context.Context, do func(context.Context, *schema.Tx) error) error {
	return l.DB.InTx(ctx, func(tx *schema.Tx) error {
		if err := l.job.done(ctx, tx, l.op.ID.String()); err != nil {
			return err
		}
		if err := do(ctx, tx); err != nil {
			return err
		}
		return tx.Ask(ctx, operations.Record(l.op))
	})
}

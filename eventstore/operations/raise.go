package operations

import (
	"context"
	"errors"
	"fmt"

	"orderflow/domain/work"
	"orderflow/schema"
)

// Raise raises alarms between rounds, and records the operation that they are about, if it is not nil, in the same
// transaction. It gives those that it has raised: of which none of their code and subject was open.
func (a *Alarms) Raise(ctx context.Context, op *work.Operation, alarms ...work.Alarm) (raised []work.Alarm, err error) {
	for tries := 0; tries == 0 || errors.Is(err, schema.ErrDuplicateKey) && tries < 3; tries++ { // two that raise one at once
		raised, err = a.raise(ctx, op, alarms)
	}
	if err != nil {
		return nil, fmt.Errorf("raise alarms: %w", classify(err))
	}
	return raised, nil
}

func (a *Alarms) raise(ctx context.Context, op *work.Operation, alarms []work.Alarm) (raised []work.Alarm, err error) {
	err = a.db.InTxBrief(ctx, patience, func(tx *schema.Tx) error {
		raised = nil
		for _, n := range alarms {
			is, err := changes(ctx, tx, `INSERT INTO alarms (id, code, subject, what, raised_at) SELECT ?1, ?2, ?3, ?4, `+tx.Dialect().Now()+`
				WHERE NOT EXISTS (SELECT 1 FROM alarms WHERE code = ?2 AND subject = ?3 AND cleared_at IS NULL)`, n.ID[:], n.Code, n.Subject, n.What)
			if err != nil {
				return err
			}
			if is {
				raised = append(raised, n)
			}
		}
		if op == nil {
			return nil
		}
		return tx.Ask(ctx, Record(*op))
	})
	return raised, err
}

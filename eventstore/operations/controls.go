package operations

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"orderflow/domain/work"
	"orderflow/schema"
)

// Controls are the controls of a database.
type Controls struct{ db *schema.DB }

// NewControls opens the controls.
func NewControls(db *schema.DB) *Controls { return &Controls{db: db} }

// patience is how long a transaction, or a question, waits for a row that somebody has locked.
const patience = 300 * time.Millisecond

// Read gives all controls that are set, by kind and name. It is of kind schema.ErrBusy if somebody holds one locked.
func (c *Controls) Read(ctx context.Context) (all work.Controls, err error) {
	err = c.db.Look(ctx, patience, func(in *schema.Look) error {
		all, err = ReadControls(ctx, in)
		return err
	})
	return all, err
}

// ReadControls is Controls.Read as one question of a look.
func ReadControls(ctx context.Context, in schema.Reader) (work.Controls, error) {
	all, err := schema.Collect(ctx, in, func(rows *sql.Rows, c *work.Control) error {
		var set schema.Time
		err := rows.Scan(&c.Kind, &c.Name, &c.Value, &c.Epoch, &c.Actor, &c.Reason, &set)
		c.SetAt = set.Time
		return err
	}, `SELECT kind, name, value, epoch, actor, reason, set_at FROM controls ORDER BY kind, name`)
	if err != nil {
		return nil, fmt.Errorf("read controls: %w", classify(err))
	}
	return all, nil
}

// Set sets a control, and records the operation with it. It is false, and nothing is recorded, if the control has that
// value already, for the same registration.
func (c *Controls) Set(ctx context.Context, control work.Control, op work.Operation) (set bool, err error) {
	set, err = c.change(ctx, Setting(control), op)
	for tries := 0; errors.Is(err, schema.ErrDuplicateKey) && tries < 3; tries++ { // two that set it at once
		set, err = c.change(ctx, Setting(control), op)
	}
	if err != nil {
		return false, fmt.Errorf("set control %s %s: %w", control.Kind, control.Name, classify(err))
	}
	return set, nil
}

// Clear takes a control back, and records the operation with it. It is false, and nothing is recorded, if there is no
// such control.
func (c *Controls) Clear(ctx context.Context, kind, name string, op work.Operation) (cleared bool, err error) {
	cleared, err = c.change(ctx, []schema.Question{Clearing(kind, name)}, op)
	if err != nil {
		return false, fmt.Errorf("clear control %s %s: %w", kind, name, classify(err))
	}
	return cleared, nil
}

// Setting are the statements that set a control, of which at most one changes a row. If two transactions set it for
// the first time at once, one of them fails with schema.ErrDuplicateKey.
func Setting(c work.Control) []schema.Question {
	args := []any{c.Kind, c.Name, c.Value, c.Epoch, c.Actor, c.Reason, schema.TimeArg(c.SetAt)}
	return []schema.Question{
		{Query: `UPDATE controls SET value = ?3, epoch = ?4, actor = ?5, reason = ?6, set_at = ?7
			WHERE kind = ?1 AND name = ?2 AND (value <> ?3 OR epoch <> ?4)`, Args: args},
		{Query: `INSERT INTO controls (kind, name, value, epoch, actor, reason, set_at)
			SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE NOT EXISTS (SELECT 1 FROM controls WHERE kind = ?1 AND name = ?2)`, Args: args},
	}
}

// Clearing is the statement that takes a control back.
func Clearing(kind, name string) schema.Question {
	return schema.Question{Query: `DELETE FROM controls WHERE kind = ?1 AND name = ?2`, Args: []any{kind, name}}
}

// change sends statements whole, of which at most one changes a row, and has the operation recorded behind that one.
func (c *Controls) change(ctx context.Context, statements []schema.Question, op work.Operation) (changed bool, err error) {
	err = c.db.InBatchBrief(ctx, patience, func() ([]schema.Question, error) {
		changed = false
		questions := make([]schema.Question, len(statements))
		for i, q := range statements {
			questions[i] = schema.Question{
				Query: q.Query, Then: recordAfter(len(q.Args)), Args: slices.Concat(q.Args, row(&op)),
				Both: func(first, _ int64) { changed = changed || first > 0 },
			}
		}
		return questions, nil
	})
	return changed, err
}

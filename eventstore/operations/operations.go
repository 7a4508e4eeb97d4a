package operations

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"strings"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/schema"
)

// Log is the log of operations of a database.
type Log struct{ db *schema.DB }

// NewLog opens the log.
func NewLog(db *schema.DB) *Log { return &Log{db: db} }

// columns are those of the table, in the order of row; width is how many.
const (
	columns = `id, at, actor, action, subject, reason, details, result`
	width   = 8
)

// row are the arguments for columns.
func row(op *work.Operation) []any {
	return []any{op.ID[:], schema.TimeArg(op.At), op.Actor, op.Action, op.Subject, op.Reason, string(op.Details), op.Result}
}

// Record is the statement that records an operation, for the transaction of its effect.
func Record(op work.Operation) schema.Question {
	return schema.Question{Query: `INSERT INTO operations (` + columns + `) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)`, Args: row(&op)}
}

// recordAfter is Record's statement behind another one that has so many arguments, in the same question.
func recordAfter(args int) string {
	list := make([]string, width)
	for i := range list {
		list[i] = fmt.Sprintf("?%d", args+i+1)
	}
	return `INSERT INTO operations (` + columns + `) SELECT ` + strings.Join(list, ", ") + ` WHERE 1 = 1`
}

// List gives operations, the newest in front: at most so many, of those before an operation; the zero id stands for the
// end.
func (l *Log) List(ctx context.Context, most int, before work.OperationID) ([]work.Operation, error) {
	if before.IsZero() {
		before = last
	}
	all, err := schema.Collect(ctx, l.db, func(rows *sql.Rows, op *work.Operation) error {
		var id []byte
		var at schema.Time
		var details string
		err := rows.Scan(&id, &at, &op.Actor, &op.Action, &op.Subject, &op.Reason, &details, &op.Result)
		copy(op.ID[:], id)
		op.At, op.Details = at.Time, []byte(details)
		return err
	}, `SELECT `+columns+` FROM operations WHERE id < ?1 ORDER BY id DESC `+l.db.Dialect().Limit("?2"), before[:], most)
	if err != nil {
		return nil, fmt.Errorf("list operations: %w", classify(err))
	}
	return all, nil
}

// last is behind all ids.
var last = work.OperationID(bytes.Repeat([]byte{0xff}, len(work.OperationID{})))

// classify makes an error that may pass by itself a domain.ErrUnavailable.
func classify(err error) error {
	if schema.MayPass(err) {
		err = fmt.Errorf("%w: %w", domain.ErrUnavailable, err)
	}
	return err
}

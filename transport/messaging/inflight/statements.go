package inflight

import (
	"context"
	"database/sql"

	"orderflow/schema"
)

// changed runs a statement that changes one row and says whether it did.
func changed(ctx context.Context, tx *schema.Tx, query string, args ...any) (bool, error) {
	n, err := affected(tx.ExecContext(ctx, query, args...))
	return n > 0, err
}

// affected is how many rows a statement changed.
func affected(res sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

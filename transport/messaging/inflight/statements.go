package inflight

import (
	"context"
	"database/sql"
	"time"

	"orderflow/domain/work"
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

// Unplaced is the partition of messages that no event caused; it has no events.
const Unplaced = -1

// Registered is a condition: the registration in the two placeholders is good. A node
// that has lost its registration claims nothing, since what it took would only be taken
// from it again and count as interrupted.
func Registered(d schema.Dialect, node, epoch string) string {
	return ` AND EXISTS (SELECT 1 FROM nodes n WHERE n.node = ` + node + ` AND n.epoch = ` + epoch + ` AND n.expires_at > ` + d.Now() + `)`
}

// Fence, Remove, GiveBack and Changed are for the claims of package messaging.
const Fence = fence

// Remove ends a lease whose message has been dealt with.
func Remove(l *work.Lease, tell func(int64)) schema.Question { return remove(l, tell) }

// GiveBack makes the message nobody's, to be claimed after a delay.
func GiveBack(d schema.Dialect, l *work.Lease, delay time.Duration, tell func(int64)) schema.Question {
	return giveBack(d, l, delay, 0, tell)
}

// Changed runs a statement that changes one row and says whether it did.
func Changed(ctx context.Context, tx *schema.Tx, query string, args ...any) (bool, error) {
	return changed(ctx, tx, query, args...)
}

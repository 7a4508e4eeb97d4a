package messaging

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"orderflow/domain"
	"orderflow/schema"
)

// Leases settles leases in the transaction that stores what was done under them.
type Leases struct {
	// ReturnDelay is how long a message that was given back waits for its next attempt.
	ReturnDelay time.Duration
}

// fence names the in-flight row of a lease as long as it is held. Statements use ?1 to
// ?7 for it.
const fence = ` WHERE consumer_group = ?1 AND topic = ?2 AND partition = ?3 AND position = ?4
	AND node = ?5 AND epoch = ?6 AND attempt = ?7`

func fenceArgs(l *domain.Lease) []any {
	return []any{l.Group, l.Topic, l.Partition, l.Position, l.Node, l.Epoch, l.Attempt}
}

// Settle says for each request whether its lease was still held; those that were are
// settled. A kept lease's row is locked to the end of the transaction, so that nobody
// can take the message over before the outcome is visible.
func (s Leases) Settle(ctx context.Context, tx *schema.Tx, requests []domain.SettleRequest) ([]bool, error) {
	held := make([]bool, len(requests))
	for i, r := range requests {
		var err error
		if held[i], err = s.settle(ctx, tx, r); err != nil {
			return nil, fmt.Errorf("lease of %s/%d/%d by node %s: %w", r.Lease.Topic, r.Lease.Partition, r.Lease.Position, r.Lease.Node, err)
		}
	}
	return held, nil
}

func (s Leases) settle(ctx context.Context, tx *schema.Tx, r domain.SettleRequest) (bool, error) {
	switch r.Settle {
	case domain.SettleKeep:
		return changed(ctx, tx, `UPDATE inflight SET attempt = attempt`+fence, fenceArgs(r.Lease)...)
	case domain.SettleDone:
		return changed(ctx, tx, `DELETE FROM inflight`+fence, fenceArgs(r.Lease)...)
	case domain.SettleReturn:
		return giveBack(ctx, tx, r.Lease, s.ReturnDelay, 1)
	case domain.SettlePark:
		return park(ctx, tx, r.Lease, r.Reason)
	}
	return false, fmt.Errorf("%w: settlement %d", domain.ErrInvalid, r.Settle)
}

// giveBack makes the message nobody's, to be claimed after a delay.
func giveBack(ctx context.Context, tx *schema.Tx, l *domain.Lease, delay time.Duration, interruptions int) (bool, error) {
	return changed(ctx, tx, `UPDATE inflight SET node = '', epoch = 0, interruptions = interruptions + ?8,
		available_at = `+tx.Dialect().NowPlus("?9")+fence, append(fenceArgs(l), interruptions, delay.Milliseconds())...)
}

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

package cluster

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"orderflow/domain"
	"orderflow/schema"
)

// DiagnosesFigure is the figure of the survey whose findings are listed.
const DiagnosesFigure = "diagnoses"

// Listed is why an order is as it is, by the last survey.
type Listed struct {
	OrderID domain.OrderID `json:"order_id"`
	Reason  string         `json:"reason"`
	Verdict string         `json:"verdict"`
	Since   time.Time      `json:"since,omitzero"`
}

// Listing is the list of what surveys found.
type Listing struct{ db *schema.DB }

// NewListing opens the list of a database.
func NewListing(db *schema.DB) *Listing { return &Listing{db: db} }

// Page gives orders that have a reason, in the order of their ids, after an id.
func (l *Listing) Page(ctx context.Context, reason string, after domain.OrderID, most int) (all []Listed, err error) {
	err = l.db.Look(ctx, patience, func(look *schema.Look) error {
		all, err = schema.Collect(ctx, look, scanListed, `SELECT order_id, reason, verdict, since FROM diagnoses
			WHERE reason = ?1 AND order_id > ?2 ORDER BY order_id `+look.Dialect().Limit("?3"), reason, after[:], most)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the orders that are %s: %w", reason, err)
	}
	return all, nil
}

func scanListed(rows *sql.Rows, x *Listed) error {
	var id []byte
	var since schema.Time
	if err := rows.Scan(&id, &x.Reason, &x.Verdict, &since); err != nil {
		return err
	}
	if len(id) != len(x.OrderID) {
		return fmt.Errorf("%w: an order is listed under an id of %d bytes", domain.ErrCorrupt, len(id))
	}
	x.OrderID, x.Since = domain.OrderID(id), since.Time
	return nil
}

// atOnce is how many rows are changed in one transaction.
const atOnce = 500

// Update makes the list what the survey of a figure found. It compares it with the rows that there are, and writes what
// differs. It stops where a later figure has been written, whose survey updates the list too; what two that meet leave
// wrong the next update mends.
func (l *Listing) Update(ctx context.Context, asOf time.Time, all []Listed) error {
	var there []Listed
	err := l.db.Look(ctx, patience, func(look *schema.Look) (err error) {
		there, err = schema.Collect(ctx, look, scanListed, `SELECT order_id, reason, verdict, since FROM diagnoses`)
		return err
	})
	if err != nil {
		return fmt.Errorf("read the list of diagnoses: %w", err)
	}
	was := make(map[domain.OrderID]Listed, len(there))
	for _, x := range there {
		was[x.OrderID] = x
	}
	var add []Listed
	var remove []domain.OrderID
	for _, x := range all {
		old, known := was[x.OrderID]
		delete(was, x.OrderID)
		if known && x.same(old) {
			continue
		}
		if add = append(add, x); known {
			remove = append(remove, x.OrderID)
		}
	}
	for id := range was {
		remove = append(remove, id)
	}
	for len(add)+len(remove) > 0 && err == nil {
		var more bool // an order is removed before it is added anew
		r := min(len(remove), atOnce)
		a := min(len(add), atOnce-r)
		if more, err = l.write(ctx, asOf, remove[:r], add[:a]); !more {
			break
		}
		remove, add = remove[r:], add[a:]
	}
	if err != nil && !errors.Is(err, schema.ErrDuplicateKey) { // another node adds it
		return fmt.Errorf("update the list of diagnoses: %w", err)
	}
	return nil
}

func (x Listed) same(as Listed) bool {
	return x.Reason == as.Reason && x.Verdict == as.Verdict && x.Since.Truncate(time.Microsecond).Equal(as.Since)
}

// write removes rows and adds some, unless the figure is another one by now.
func (l *Listing) write(ctx context.Context, asOf time.Time, remove []domain.OrderID, add []Listed) (wrote bool, err error) {
	err = l.db.InTxBrief(ctx, patience, func(tx *schema.Tx) error {
		wrote = false
		var now schema.Time
		err := tx.QueryRowContext(ctx, `SELECT as_of FROM figures WHERE name = ?1`, DiagnosesFigure).Scan(&now)
		if err != nil || !now.Equal(asOf.Truncate(time.Microsecond)) {
			return err
		}
		keys, args := make([]any, len(remove)), make([]any, 0, len(add)*4)
		for i := range remove {
			keys[i] = remove[i][:]
		}
		err = schema.AnyOf(tx.Dialect(), `order_id`, keys, func(condition string, args []any) error {
			_, err := tx.ExecContext(ctx, `DELETE FROM diagnoses WHERE `+condition, args...)
			return err
		})
		if err != nil || len(add) == 0 {
			wrote = err == nil
			return err
		}
		for i := range add {
			x := &add[i]
			args = append(args, x.OrderID[:], x.Reason, x.Verdict, schema.NullTimeArg(x.Since))
		}
		wrote = true
		return tx.Ask(ctx, schema.Question{Query: `INSERT INTO diagnoses (order_id, reason, verdict, since) VALUES *`, Args: args, Width: 4})
	})
	return wrote && err == nil, err
}

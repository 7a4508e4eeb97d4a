package schema_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"orderflow/schema"
	"orderflow/schema/schematest"
)

// lockHead moves the head of a partition, and by that locks its row.
func lockHead(ctx context.Context, tx *schema.Tx, partition int) error {
	_, err := tx.ExecContext(ctx, `UPDATE heads SET head = head + 1 WHERE partition = ?1`, partition)
	return err
}

func headOf(t *testing.T, db *schema.DB, partition int) (head int64) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), `SELECT head FROM heads WHERE partition = ?1`, partition).Scan(&head); err != nil {
		t.Fatal(err)
	}
	return head
}

// TestDB_InTxBrief: while a stranger holds a row, a brief transaction that wants it is given up, whole and once.
// Others go on, and those that wait without a bound do so on the same connections.
func TestDB_InTxBrief(t *testing.T) {
	schematest.NeedSQLServer(t)
	const wait = 300 * time.Millisecond
	stranger := schematest.SQLServer(t)
	db := schematest.Again(t, stranger)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	held := make(chan error, 1)
	err := stranger.InTx(ctx, func(tx *schema.Tx) error {
		if err := lockHead(ctx, tx, 3); err != nil {
			return err
		}
		calls := 0
		err := db.InTxBrief(ctx, wait, func(tx *schema.Tx) error {
			calls++
			if err := lockHead(ctx, tx, 2); err != nil {
				return err
			}
			return tx.Ask(ctx, schema.Question{Query: `UPDATE heads SET head = head + ?1 WHERE partition = ?2`, Args: []any{1, 3}})
		})
		if !errors.Is(err, schema.ErrBusy) || !errors.Is(err, schema.ErrTransient) || calls != 1 {
			t.Errorf("a brief transaction that met a locked row: %v after %d calls, want ErrBusy after one", err, calls)
		}
		if err := db.InTxBrief(ctx, wait, func(tx *schema.Tx) error { return lockHead(ctx, tx, 2) }); err != nil {
			t.Errorf("a brief transaction on another row: %v", err)
		}
		go func() { // on the connection of before: it has no bound any more
			held <- db.InTx(ctx, func(tx *schema.Tx) error { return lockHead(ctx, tx, 3) })
		}()
		select {
		case err := <-held:
			t.Errorf("a transaction without a bound did not wait for a locked row: %v", err)
		case <-time.After(4 * wait):
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-held; err != nil {
		t.Errorf("the transaction without a bound: %v", err)
	}
	if two, three := headOf(t, db, 2), headOf(t, db, 3); two != 1 || three != 2 {
		t.Errorf("heads %d and %d, want 1 and 2: what was given up must not be kept", two, three)
	}
}

// TestDB_InTxBrief_sqlite: where transactions lock no rows, it is a transaction like others.
func TestDB_InTxBrief_sqlite(t *testing.T) {
	db := schematest.SQLite(t)
	if err := db.InTxBrief(t.Context(), time.Millisecond, func(tx *schema.Tx) error { return lockHead(t.Context(), tx, 0) }); err != nil {
		t.Fatal(err)
	}
	if head := headOf(t, db, 0); head != 1 {
		t.Errorf("head %d, want 1", head)
	}
}

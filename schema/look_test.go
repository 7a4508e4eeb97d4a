package schema_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"orderflow/schema"
	"orderflow/schema/schematest"
)

// headIn is a question of a look.
func headIn(ctx context.Context, in schema.Reader, partition int) (head int64, err error) {
	err = in.Read(ctx, func(rows *sql.Rows) error {
		if !rows.Next() {
			return sql.ErrNoRows
		}
		return rows.Scan(&head)
	}, `SELECT head FROM heads WHERE partition = ?1`, partition)
	return head, err
}

// TestDB_Look: on SQLite all answers are of one moment. A look counts as statements, and as no transaction that writes.
func TestDB_Look(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		db := open(t)
		var first, second int64
		var asked schema.Stats
		err := db.Look(t.Context(), time.Second, func(in *schema.Look) (err error) {
			before := db.Stats()
			if first, err = headIn(t.Context(), in, 0); err != nil {
				return err
			}
			asked = db.Stats()
			asked.Statements, asked.Transactions = asked.Statements-before.Statements, asked.Transactions-before.Transactions
			if err := db.InTx(t.Context(), func(tx *schema.Tx) error {
				_, err := tx.ExecContext(t.Context(), `UPDATE heads SET head = head + 1 WHERE partition = 0`)
				return err
			}); err != nil {
				return err
			}
			second, err = headIn(t.Context(), in, 0)
			return err
		})
		want := int64(1)
		if db.Dialect().Name() == "sqlite" {
			want = 0
		}
		if err != nil || second-first != want || asked.Statements != 1 || asked.Transactions != 0 {
			t.Errorf("the head moved by %d within a look, want %d; a question is %d statements and %d transactions; err %v",
				second-first, want, asked.Statements, asked.Transactions, err)
		}
		if now, err := headIn(t.Context(), db, 0); err != nil || now != first+1 {
			t.Errorf("after the look the head is %d, err %v; want %d", now, err, first+1)
		}
		for asked := range 2 {
			ctx, end := context.WithCancel(t.Context())
			err := db.Look(ctx, time.Second, func(in *schema.Look) error {
				for range asked {
					if _, err := headIn(ctx, in, 0); err != nil {
						t.Error(err)
					}
				}
				end()
				_, err := headIn(ctx, in, 0)
				return err
			})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("after %d questions the time of a look is over: %v", asked, err)
			}
		}
	})
}

// TestDB_Look_locked: a row that a stranger holds is read as it was, or is said to be locked, and soon. Others can be
// read all the same.
func TestDB_Look_locked(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		db := open(t)
		schematest.Partitions(t, db, 2)
		schematest.Hold(t, db, 1, `UPDATE heads SET head = head + 7 WHERE partition = 0`)
		asked := time.Now()
		err := db.Look(t.Context(), 200*time.Millisecond, func(in *schema.Look) error {
			head, err := headIn(t.Context(), in, 0)
			if took := time.Since(asked); err != nil && !errors.Is(err, schema.ErrBusy) || head != 0 || took > 10*time.Second {
				t.Errorf("a row that is held: %d, err %v, after %s", head, err, took)
			}
			_, err = headIn(t.Context(), in, 1)
			return err
		})
		if err != nil {
			t.Errorf("another row: %v", err)
		}
	})
}

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

// errMine is the error of a function.
var errMine = errors.New("the function fails")

// move moves the head of a partition.
func move(partition int) schema.Question {
	return schema.Question{Query: `UPDATE heads SET head = head + ?1 WHERE partition = ?2`, Args: []any{1, partition}}
}

// again inserts a row that is there.
func again() schema.Question {
	return schema.Question{Query: `INSERT INTO heads (partition, head) VALUES (?1, ?2)`, Args: []any{0, 0}}
}

// TestTx_Ask_fails: of statements one of which meets a key that is there nothing is ever kept, whether the
// function heeds the error or not, and the connection is fit for the next transaction.
func TestTx_Ask_fails(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		ctx, db := t.Context(), open(t)
		schematest.Partitions(t, db, 2)
		db.OneConnection()
		for name, heeds := range map[string]bool{"heeded": true, "not heeded": false} {
			t.Run(name, func(t *testing.T) {
				err := db.InTx(ctx, func(tx *schema.Tx) error {
					if err := tx.Ask(ctx, move(0)); err != nil {
						return err
					}
					err := tx.Ask(ctx, move(0), again(), move(0))
					if !errors.Is(err, schema.ErrDuplicateKey) {
						t.Errorf("a key that is there, in the middle: %v, want ErrDuplicateKey", err)
					}
					if heeds {
						return err
					}
					return nil
				})
				if !errors.Is(err, schema.ErrDuplicateKey) || errors.Is(err, schema.ErrCommit) {
					t.Errorf("the transaction: %v, want ErrDuplicateKey, and no commit", err)
				}
				if err := db.InTx(ctx, func(tx *schema.Tx) error { return tx.Ask(ctx, move(1), move(1)) }); err != nil {
					t.Fatalf("the next transaction on the connection: %v", err)
				}
				if head := headOf(t, db, 0); head != 0 {
					t.Errorf("%d of the statements are kept", head)
				}
			})
		}
		if head := headOf(t, db, 1); head != 4 {
			t.Errorf("the transactions that succeeded moved a head to %d, want 4", head)
		}
	})
}

// TestDB_InTx_leavesNothingOpen: however a transaction ends, its connection goes to the next without it.
func TestDB_InTx_leavesNothingOpen(t *testing.T) {
	schematest.NeedSQLServer(t)
	server := schematest.SQLServer(t)
	proxy, db := schematest.Through(t, server.DSN().URL.String())
	db.OneConnection()
	for name, end := range map[string]func(ctx context.Context, cancel func(), tx *schema.Tx) error{
		"error":         func(context.Context, func(), *schema.Tx) error { return errMine },
		"panic":         func(context.Context, func(), *schema.Tx) error { panic(errMine) },
		"ended context": func(ctx context.Context, cancel func(), _ *schema.Tx) error { cancel(); return ctx.Err() },
		"no rollback":   func(context.Context, func(), *schema.Tx) error { proxy.Cut(); return errMine },
		"own statements": func(ctx context.Context, _ func(), tx *schema.Tx) error {
			_, err := tx.ExecContext(ctx, `BEGIN TRANSACTION`)
			return errors.Join(err, errMine)
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			func() {
				defer func() { _ = recover() }()
				err := db.InTx(ctx, func(tx *schema.Tx) error {
					if err := lockHead(ctx, tx, 0); err != nil {
						return err
					}
					return end(ctx, cancel, tx)
				})
				if err == nil {
					t.Error("the transaction was committed")
				}
			}()
			var open int
			if err := db.QueryRowContext(t.Context(), `SELECT @@TRANCOUNT`).Scan(&open); err != nil || open != 0 {
				t.Errorf("the next to use the connection finds %d transactions open, err %v", open, err)
			}
			if err := server.InTxBrief(t.Context(), time.Minute, func(tx *schema.Tx) error { return lockHead(t.Context(), tx, 1) }); err != nil {
				t.Error(err)
			}
			if head := headOf(t, db, 0); head != 0 {
				t.Errorf("the head is %d: something of it was kept", head)
			}
		})
	}
}

// TestDB_reset: who opens a transaction by a statement of their own on a connection of the pool leaves it to
// nobody: the driver has the server reset the session when the connection is used again.
func TestDB_reset(t *testing.T) {
	schematest.NeedSQLServer(t)
	db := schematest.SQLServer(t)
	db.OneConnection()
	err := db.Read(t.Context(), func(*sql.Rows) error { return nil },
		`BEGIN TRANSACTION; UPDATE heads SET head = head + 1 WHERE partition = 0; SELECT @@TRANCOUNT`)
	if err != nil {
		t.Fatal(err)
	}
	var open int
	if err := db.QueryRowContext(t.Context(), `SELECT @@TRANCOUNT`).Scan(&open); err != nil || open != 0 {
		t.Errorf("the next to use the connection finds %d transactions open, err %v", open, err)
	}
	if head := headOf(t, db, 0); head != 0 {
		t.Errorf("the head is %d: what was left open was kept", head)
	}
}

// TestDB_readsToTheEnd: nobody who stops reading early has the server break an answer off.
func TestDB_readsToTheEnd(t *testing.T) {
	schematest.NeedSQLServer(t)
	proxy, db := schematest.Through(t, schematest.SQLServer(t).DSN().URL.String())
	ctx := t.Context()
	const heads = `SELECT partition FROM heads`
	first := func(rows *sql.Rows) error { rows.Next(); return nil }
	for range 100 {
		err := errors.Join(db.Ping(ctx), db.QueryRowContext(ctx, heads).Scan(new(int)), db.Read(ctx, first, heads),
			db.InTx(ctx, func(tx *schema.Tx) error {
				question := schema.Question{Query: heads, Read: first}
				return errors.Join(tx.QueryRowContext(ctx, heads).Scan(new(int)), tx.Read(ctx, first, heads), tx.Ask(ctx, question, question))
			}))
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := proxy.Attentions(); n != 0 {
		t.Errorf("%d answers were broken off", n)
	}
}

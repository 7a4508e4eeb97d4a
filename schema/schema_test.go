package schema_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"orderflow/schema"
	"orderflow/schema/schematest"
)

func TestDB_Migrate(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		db := open(t)
		ran, err := db.Migrate(context.Background())
		if err != nil || len(ran) != 0 {
			t.Fatalf("a second migration ran %v, err %v; want nothing", ran, err)
		}
		all, err := db.Migrations(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range all {
			if !m.Applied {
				t.Errorf("migration %s has not been applied", m.File)
			}
		}
	})
}

func TestDB_Migrate_race(t *testing.T) {
	path := t.TempDir() + "/race.db"
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			db, err := schema.Open(context.Background(), path)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = db.Close() }()
			if _, err := db.Migrate(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestDB_InTx(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		ctx, db := context.Background(), open(t)
		head := func() (n int) {
			if err := db.QueryRowContext(ctx, "SELECT head FROM heads WHERE partition = ?1", 0).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		set := func(n int) func(*schema.Tx) error {
			return func(tx *schema.Tx) error {
				_, err := tx.ExecContext(ctx, "UPDATE heads SET head = ?1 WHERE partition = ?2", n, 0)
				return err
			}
		}
		t.Run("commits", func(t *testing.T) {
			if err := db.InTx(ctx, set(7)); err != nil || head() != 7 {
				t.Fatalf("head %d, err %v; want 7", head(), err)
			}
		})
		t.Run("rolls back on error", func(t *testing.T) {
			failure := errors.New("no")
			err := db.InTx(ctx, func(tx *schema.Tx) error { return errors.Join(set(8)(tx), failure) })
			if !errors.Is(err, failure) || head() != 7 {
				t.Fatalf("head %d, err %v; want 7 and the error", head(), err)
			}
		})
		t.Run("repeats what the database gave up", func(t *testing.T) {
			calls, before := 0, db.Stats()
			err := db.InTx(ctx, func(tx *schema.Tx) error {
				if calls++; calls < 3 {
					return schema.ErrTransient
				}
				return set(9)(tx)
			})
			if err != nil || calls != 3 || head() != 9 {
				t.Fatalf("calls %d, head %d, err %v; want 3, 9", calls, head(), err)
			}
			if after := db.Stats(); after.Retries-before.Retries != 2 || after.Transactions-before.Transactions != 3 {
				t.Fatalf("counted %+v after %+v, want 2 retries and 3 transactions", after, before)
			}
		})
		t.Run("counts the time of transactions", func(t *testing.T) {
			const pause = 5 * time.Millisecond
			before := db.Stats()
			if err := db.InTx(ctx, func(*schema.Tx) error { time.Sleep(pause); return nil }); err != nil {
				t.Fatal(err)
			}
			if after := db.Stats(); after.Open-before.Open < pause || after.Waited <= before.Waited {
				t.Fatalf("counted %+v after %+v, want %s more open, and some more waited", after, before, pause)
			}
		})
		t.Run("gives up in the end", func(t *testing.T) {
			calls := 0
			err := db.InTx(ctx, func(*schema.Tx) error { calls++; return schema.ErrTransient })
			if !errors.Is(err, schema.ErrTransient) || calls != 6 {
				t.Fatalf("calls %d, err %v; want 6 and ErrTransient", calls, err)
			}
		})
		t.Run("translates a duplicate key", func(t *testing.T) {
			err := db.InTx(ctx, func(tx *schema.Tx) error {
				_, err := tx.ExecContext(ctx, "INSERT INTO heads (partition, head) VALUES (?1, 0)", 0)
				return err
			})
			if !errors.Is(err, schema.ErrDuplicateKey) {
				t.Fatalf("err %v; want ErrDuplicateKey", err)
			}
		})
	})
}

func TestTime(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		ctx, db := context.Background(), open(t)
		at := time.Date(2026, 11, 22, 15, 4, 5, 123456789, time.FixedZone("", 3600))
		err := db.InTx(ctx, func(tx *schema.Tx) error {
			_, err := tx.ExecContext(ctx, "INSERT INTO reservations (key_hash, order_id, fingerprint, created_at) VALUES (?1, ?2, ?1, ?3)",
				make([]byte, 32), make([]byte, 16), schema.TimeArg(at))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		var got schema.Time
		if err := db.QueryRowContext(ctx, "SELECT created_at FROM reservations").Scan(&got); err != nil {
			t.Fatal(err)
		}
		if want := at.UTC().Truncate(time.Microsecond); !got.Equal(want) {
			t.Fatalf("read back %v, want %v", got, want)
		}
		var now schema.Time
		if err := db.QueryRowContext(ctx, "SELECT "+db.Dialect().NowPlus("?1"), -3_600_000).Scan(&now); err != nil {
			t.Fatal(err)
		}
		if off := time.Since(now.Time) - time.Hour; off.Abs() > time.Minute {
			t.Fatalf("the database's clock is off by %v", off)
		}
	})
}

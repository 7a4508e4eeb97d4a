package schema

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

// TestDB_InTx_withdraw: a context that ends in the queue takes the function out of it.
func TestDB_InTx_withdraw(t *testing.T) {
	w := newWriting(t)
	release := w.hold()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := w.InTx(ctx, insert(t.Context(), 1)); !errors.Is(err, context.Canceled) {
			t.Errorf("err = %v, want that of the context", err)
		}
		if _, err := w.ExecUrgent(ctx, `INSERT INTO t (id) VALUES (2)`); !errors.Is(err, context.Canceled) {
			t.Errorf("an urgent statement: err = %v, want that of the context", err)
		}
	})
	w.queued(1)
	wg.Go(func() {
		if err := w.InTx(t.Context(), insert(t.Context(), 3)); err != nil {
			t.Error(err)
		}
	})
	w.queued(2)
	cancel()
	w.queued(1)
	if err := release(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	w.has(3)
}

// TestDB_InTx_withdrawLeader: the one that waits for another process gives up when its context
// ends, and those behind it do not.
func TestDB_InTx_withdrawLeader(t *testing.T) {
	w := newWriting(t)
	other := writing{openAt(t, w.DSN().Path), t}
	release := other.hold()
	ctx, cancel := context.WithCancel(t.Context())
	var leader, behind sync.WaitGroup
	leader.Go(func() {
		if err := w.InTx(ctx, insert(t.Context(), 1)); !errors.Is(err, context.Canceled) {
			t.Errorf("err = %v, want that of the context", err)
		}
	})
	w.began()
	for _, id := range []int{2, 3} {
		behind.Go(func() {
			if err := w.InTx(t.Context(), insert(t.Context(), id)); err != nil {
				t.Error(err)
			}
		})
	}
	w.queued(2)
	cancel()
	leader.Wait() // while the other still holds the file
	w.queued(1)   // the next has taken its place
	if err := release(); err != nil {
		t.Error(err)
	}
	behind.Wait()
	w.has(2, 3)
}

// TestDB_Close_queued: who waits when the database is closed is told so.
func TestDB_Close_queued(t *testing.T) {
	w := newWriting(t)
	release := w.hold()
	var wg sync.WaitGroup
	for n := range 3 {
		wg.Go(func() {
			if err := w.InTx(t.Context(), insert(t.Context(), n)); err == nil {
				t.Error("a transaction began on a closed database")
			}
		})
		w.queued(n + 1)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
	wg.Wait()
}

// TestDB_InTx_contextEnds: a context that ends while its function runs ends nothing that is
// under way, and nothing of others.
func TestDB_InTx_contextEnds(t *testing.T) {
	w := newWriting(t)
	calls := 0
	others := func(id int) func(*Tx) error {
		return func(tx *Tx) error { calls++; return insert(t.Context(), id)(tx) }
	}
	late, cancelLate := context.WithCancel(t.Context())
	during, cancelDuring := context.WithCancel(t.Context())
	var next, query, statement error
	outcomes := w.inOrder(
		others(1),
		func(tx *Tx) error {
			if err := insert(late, 2)(tx); err != nil {
				return err
			}
			cancelLate()
			next = insert(late, 3)(tx)
			query = tx.QueryRowContext(late, `SELECT 1`).Scan(new(int))
			return next
		},
		others(4),
		func(tx *Tx) error {
			time.AfterFunc(5*time.Millisecond, cancelDuring)
			_, statement = tx.ExecContext(during, `INSERT INTO t (id)
				SELECT 10 FROM (WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 200000) SELECT COUNT(*) FROM c)`)
			return nil
		},
		others(5),
	)
	for i, err := range outcomes {
		if (i == 1) != errors.Is(err, context.Canceled) || (i != 1) != (err == nil) {
			t.Errorf("function %d: err = %v", i, err)
		}
	}
	if !errors.Is(next, context.Canceled) || !errors.Is(query, context.Canceled) || statement != nil {
		t.Errorf("statements after the end: %v, %v; during it: %v", next, query, statement)
	}
	if calls != 3 {
		t.Errorf("the 3 others were called %d times", calls)
	}
	w.has(1, 4, 5, 10)
}

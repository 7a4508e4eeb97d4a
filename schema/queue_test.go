package schema

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// writing is a SQLite database with a table t of ids.
type writing struct {
	*DB
	t *testing.T
}

func newWriting(t *testing.T) writing {
	t.Helper()
	w := writing{openAt(t, filepath.Join(t.TempDir(), "test.db")), t}
	w.exec(`CREATE TABLE t (id INTEGER PRIMARY KEY, filler BLOB)`)
	return w
}

// exec runs a statement on the writing connection, outside of what is tested.
func (w writing) exec(statement string) {
	w.t.Helper()
	if _, err := w.write.ExecContext(w.t.Context(), statement); err != nil {
		w.t.Fatal(err)
	}
}

// insert gives a function that inserts a row.
func insert(ctx context.Context, id int) func(*Tx) error {
	return func(tx *Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO t (id) VALUES (?1)`, id)
		return err
	}
}

// has fails the test unless exactly these rows are there.
func (w writing) has(ids ...int) {
	w.t.Helper()
	rows, err := w.read.QueryContext(w.t.Context(), `SELECT id FROM t ORDER BY id`)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var got []int
	for rows.Next() {
		var id int
		if err := rows.Scan(&id); err != nil {
			w.t.Fatal(err)
		}
		got = append(got, id)
	}
	if err := rows.Err(); err != nil || fmt.Sprint(got) != fmt.Sprint(ids) {
		w.t.Errorf("rows %v, err %v; want %v", got, err, ids)
	}
}

// hold keeps a transaction open until release is called, which gives its outcome.
func (w writing) hold() (release func() error) {
	w.t.Helper()
	inside, leave, outcome := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	enter := sync.OnceFunc(func() { close(inside) })
	go func() {
		outcome <- w.InTx(context.Background(), func(*Tx) error { enter(); <-leave; return nil })
	}()
	<-inside
	return sync.OnceValue(func() error { close(leave); return <-outcome })
}

// queued waits until n transactions are in the queue.
func (w writing) queued(n int) {
	w.t.Helper()
	w.until(func() bool { return w.sqlite.Waiting() == n })
}

// began waits until somebody has the writing connection, and waits for another process perhaps.
func (w writing) began() {
	w.t.Helper()
	w.until(func() bool { return w.write.Stats().InUse == 1 })
}

func (w writing) until(ok func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(100 * time.Microsecond) {
		if time.Now().After(deadline) {
			w.t.Fatal("not within 30 s")
		}
	}
}

// inOrder queues a function at a time behind a transaction that is held, and gives their outcomes
// once it is let go.
func (w writing) inOrder(fs ...func(*Tx) error) []error {
	w.t.Helper()
	release := w.hold()
	outcomes := make([]error, len(fs))
	var wg sync.WaitGroup
	for i, f := range fs {
		wg.Go(func() { outcomes[i] = w.InTx(context.Background(), f) })
		w.queued(i + 1)
	}
	if err := release(); err != nil {
		w.t.Errorf("the transaction that was held: %v", err)
	}
	wg.Wait()
	return outcomes
}

// TestDB_ExecUrgent_overtakes: an urgent statement is the next of all that wait.
func TestDB_ExecUrgent_overtakes(t *testing.T) {
	w := newWriting(t)
	release := w.hold()
	var late atomic.Int64
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			err := w.InTx(t.Context(), func(tx *Tx) error {
				var done bool
				err := tx.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM t`).Scan(&done)
				if !done {
					late.Add(1)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
		w.queued(i + 1)
	}
	wg.Go(func() {
		if n, err := w.ExecUrgent(t.Context(), `INSERT INTO t (id) VALUES (?1)`, 1); n != 1 || err != nil {
			t.Errorf("%d rows, err %v; want 1", n, err)
		}
	})
	w.queued(101)
	if err := release(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if n := late.Load(); n > 0 {
		t.Errorf("%d of 100 were called before the urgent statement", n)
	}
}

// TestDB_ExecUrgent_lateBinding: an urgent statement that comes while another transaction waits for
// another process goes before it, and waits for that process once.
func TestDB_ExecUrgent_lateBinding(t *testing.T) {
	w := newWriting(t)
	other := writing{openAt(t, w.DSN().Path), t}
	release := other.hold()
	var wg sync.WaitGroup
	wg.Go(func() {
		err := w.InTx(t.Context(), func(tx *Tx) error {
			var done bool
			err := tx.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM t`).Scan(&done)
			if !done {
				t.Error("the transaction that waited first was first")
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
	w.began()
	wg.Go(func() {
		if _, err := w.ExecUrgent(t.Context(), `INSERT INTO t (id) VALUES (1)`); err != nil {
			t.Error(err)
		}
	})
	w.queued(1)
	if err := release(); err != nil {
		t.Error(err)
	}
	wg.Wait()
}

// TestDB_Ping_betweenTransactions: a ping waits for one transaction, however many are queued.
func TestDB_Ping_betweenTransactions(t *testing.T) {
	w := newWriting(t)
	release := w.hold()
	pinged := make(chan struct{})
	var called, stuck atomic.Int64
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			_ = w.InTx(t.Context(), func(*Tx) error {
				if called.Add(1) == 1 { // it may have the connection before the ping
					return nil
				}
				select {
				case <-pinged:
				case <-time.After(10 * time.Second):
					stuck.Add(1)
				}
				return nil
			})
		})
		w.queued(i + 1)
	}
	waiting := w.write.Stats().WaitCount
	wg.Go(func() {
		if err := w.Ping(t.Context()); err != nil {
			t.Error(err)
		}
		close(pinged)
	})
	w.until(func() bool { return w.write.Stats().WaitCount > waiting })
	if err := release(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if stuck.Load() > 0 {
		t.Error("the ping waited for more than one transaction")
	}
}

// TestDB_InTxLast: it lets those who wait go before it, even if it was to begin, but no more than
// two of them.
func TestDB_InTxLast(t *testing.T) {
	w := newWriting(t)
	other := writing{openAt(t, w.DSN().Path), t}
	release := other.hold()
	var called []int
	var wg sync.WaitGroup
	add := func(id int, inTx func(context.Context, func(*Tx) error) error) {
		wg.Go(func() {
			if err := inTx(t.Context(), func(*Tx) error { called = append(called, id); return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	add(100, w.InTxLast) // it waits for the other process
	w.began()
	add(101, w.InTxLast)
	w.queued(1)
	for id := range 12 {
		add(id, w.InTx)
		w.queued(id + 2)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if want := []int{0, 1, 100, 2, 3, 101, 4, 5, 6, 7, 8, 9, 10, 11}; !slices.Equal(called, want) {
		t.Errorf("called in this order: %v, want %v", called, want)
	}
}

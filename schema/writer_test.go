package schema

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// writing is a SQLite database with a table t of ids, and time for functions to share a
// transaction on the slowest machine.
type writing struct {
	*DB
	t *testing.T
}

func newWriting(t *testing.T) writing {
	t.Helper()
	w := writing{openAt(t, filepath.Join(t.TempDir(), "test.db")), t}
	w.writer.time = time.Hour
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

// queued waits until n functions are in the queue.
func (w writing) queued(n int) {
	w.t.Helper()
	w.until(func() bool {
		w.writer.mu.Lock()
		defer w.writer.mu.Unlock()
		waiting := 0
		for _, queue := range w.writer.queues {
			waiting += len(queue)
		}
		return waiting == n
	})
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

func TestDB_InTx_shared(t *testing.T) {
	w := newWriting(t)
	ctx, before := t.Context(), w.Stats()
	var fs []func(*Tx) error
	for i := range 100 {
		fs = append(fs, insert(ctx, i))
	}
	if err := errors.Join(w.inOrder(fs...)...); err != nil {
		t.Fatal(err)
	}
	want := int64(len(fs)/sharedMost) + 1
	if n := w.Stats().Transactions - before.Transactions; n != want {
		t.Errorf("%d functions took %d transactions, want %d", len(fs)+1, n, want)
	}
	var n int
	if err := w.QueryRowContext(ctx, `SELECT COUNT(*) FROM t`).Scan(&n); err != nil || n != len(fs) {
		t.Errorf("%d rows, err %v; want %d", n, err, len(fs))
	}
}

// TestDB_InTx_long: functions that take long do not keep those before them from their commit,
// but for urgent ones.
func TestDB_InTx_long(t *testing.T) {
	w := newWriting(t)
	w.writer.time = 0 // whatever they take
	before := w.Stats()
	if err := errors.Join(w.inOrder(insert(t.Context(), 1), insert(t.Context(), 2))...); err != nil {
		t.Fatal(err)
	}
	if n := w.Stats().Transactions - before.Transactions; n != 3 {
		t.Errorf("3 functions that took too long took %d transactions, want 3", n)
	}
	release := w.hold()
	before = w.Stats()
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := w.ExecUrgent(t.Context(), `INSERT INTO t (id) VALUES (3)`); err != nil {
			t.Error(err)
		}
	})
	w.queued(1)
	if err := release(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if n := w.Stats().Transactions - before.Transactions; n != 0 {
		t.Errorf("an urgent statement did not join the transaction that was full, and took %d", n)
	}
	w.has(1, 2, 3)
}

// TestDB_InTx_lateBinding: what arrives while a transaction waits for another process joins it.
func TestDB_InTx_lateBinding(t *testing.T) {
	w := newWriting(t)
	other := writing{openAt(t, w.DSN().Path), t}
	release, before := other.hold(), w.Stats()
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			if err := w.InTx(t.Context(), insert(t.Context(), i)); err != nil {
				t.Error(err)
			}
		})
	}
	w.queued(9)
	if err := release(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	w.has(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
	if n := w.Stats().Transactions - before.Transactions; n != 1 {
		t.Errorf("10 functions that waited for the file took %d transactions, want 1", n)
	}
}

// TestDB_ExecUrgent_overtakes: an urgent statement is done before all that wait, and joins even
// a transaction that is full.
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

// TestDB_Ping_betweenTransactions: a ping waits for one transaction, however many are queued.
func TestDB_Ping_betweenTransactions(t *testing.T) {
	w := newWriting(t)
	release := w.hold()
	pinged := make(chan struct{})
	var called, stuck atomic.Int64
	var wg sync.WaitGroup
	for i := range 2 * sharedMost {
		wg.Go(func() {
			_ = w.InTx(t.Context(), func(*Tx) error {
				if called.Add(1) < sharedMost { // with the one that is held, all that fit
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

// TestDB_InTxLast: it is called after all that wait, even if it began the transaction, and even
// if that is full; and the commit follows.
func TestDB_InTxLast(t *testing.T) {
	w := newWriting(t)
	other := writing{openAt(t, w.DSN().Path), t}
	release, before := other.hold(), w.Stats()
	var called []int
	var wg sync.WaitGroup
	add := func(id int, inTx func(context.Context, func(*Tx) error) error, also func()) {
		wg.Go(func() {
			err := inTx(t.Context(), func(*Tx) error { called = append(called, id); also(); return nil })
			if err != nil {
				t.Error(err)
			}
		})
	}
	nothing := func() {}
	add(10, w.InTxLast, func() { add(20, w.InTx, nothing); w.queued(sharedMost - 1) }) // it begins the transaction
	w.until(func() bool { w.writer.mu.Lock(); defer w.writer.mu.Unlock(); return w.writer.busy })
	add(11, w.InTxLast, nothing)
	w.queued(1)
	for id := range 2*sharedMost - 3 {
		add(id/sharedMost, w.InTx, nothing)
		w.queued(id + 2)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	var want []int
	for id := range 2*sharedMost - 3 {
		if id == sharedMost {
			want = append(want, 10, 11)
		}
		want = append(want, id/sharedMost)
	}
	if want = append(want, 20); fmt.Sprint(called) != fmt.Sprint(want) {
		t.Errorf("called in this order: %v, want %v", called, want)
	}
	if n := w.Stats().Transactions - before.Transactions; n != 2 {
		t.Errorf("it took %d transactions, want 2", n)
	}
	before = w.Stats()
	add(30, w.InTxLast, func() { add(40, w.InTx, nothing); w.queued(1) })
	wg.Wait()
	if n := w.Stats().Transactions - before.Transactions; n != 2 {
		t.Errorf("what came while the last was called took part in %d transactions, want the second", n)
	}
}

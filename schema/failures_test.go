package schema

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
)

// TestDB_InTx_commitFails: who has a commit fail is told so and is not called again, and nothing is
// wrong with those before and behind it.
func TestDB_InTx_commitFails(t *testing.T) {
	w := newWriting(t)
	w.exec(`PRAGMA foreign_keys = ON`)
	w.exec(`CREATE TABLE child (id INTEGER REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED)`)
	calls := 0
	counted := func(f func(*Tx) error) func(*Tx) error {
		return func(tx *Tx) error { calls++; return f(tx) }
	}
	orphan := counted(func(tx *Tx) error {
		_, err := tx.ExecContext(t.Context(), `INSERT INTO child VALUES (77)`)
		return err
	})
	release := w.hold()
	var wg sync.WaitGroup
	for i, f := range []func(*Tx) error{counted(insert(t.Context(), 1)), orphan, counted(insert(t.Context(), 2))} {
		wg.Go(func() {
			if err := w.InTx(t.Context(), f); errors.Is(err, ErrCommit) != (i == 1) || (err != nil) != (i == 1) {
				t.Errorf("function %d: err = %v, want ErrCommit of number 1 alone", i, err)
			}
		})
		w.queued(i + 1)
	}
	if err := release(); err != nil {
		t.Errorf("the first: %v", err)
	}
	wg.Wait()
	if calls != 3 {
		t.Errorf("3 functions were called %d times", calls)
	}
	w.has(1, 2)
}

// TestDB_InTx_seesWhatIsCommitted: no function sees what another did that is not committed.
func TestDB_InTx_seesWhatIsCommitted(t *testing.T) {
	w := newWriting(t)
	w.exec(`PRAGMA foreign_keys = ON`)
	w.exec(`CREATE TABLE child (id INTEGER REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED)`)
	errSeen, seen := errors.New("the orphan is there"), []int{}
	release := w.hold()
	var wg sync.WaitGroup
	wg.Go(func() {
		err := w.InTx(t.Context(), func(tx *Tx) error {
			_, err := tx.ExecContext(t.Context(), `INSERT INTO child VALUES (77)`)
			return err
		})
		if !errors.Is(err, ErrCommit) {
			t.Errorf("the orphan: err = %v, want ErrCommit", err)
		}
	})
	w.queued(1)
	wg.Go(func() {
		err := w.InTx(t.Context(), func(tx *Tx) error {
			var n int
			if err := tx.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM child`).Scan(&n); err != nil {
				return err
			}
			if seen = append(seen, n); n > 0 {
				return errSeen
			}
			return nil
		})
		if err != nil {
			t.Errorf("who came next: err = %v, want none: it is not there", err)
		}
	})
	w.queued(2)
	if err := release(); err != nil {
		t.Errorf("the first: %v", err)
	}
	wg.Wait()
	if !slices.Equal(seen, []int{0}) {
		t.Errorf("orphans seen: %v, want none", seen)
	}
}

// TestDB_InTx_rolledBackByDatabase: when SQLite ends the transaction under its functions,
// its function is told so, and nobody else notices.
func TestDB_InTx_rolledBackByDatabase(t *testing.T) {
	full := func(tx *Tx) error {
		_, err := tx.ExecContext(context.Background(), `INSERT INTO t VALUES (100, zeroblob(10000000))`)
		return err
	}
	for name, end := range map[string]func(t *testing.T, tx *Tx) error{
		"and the error is returned": func(_ *testing.T, tx *Tx) error { return full(tx) },
		"and the error is lost":     func(_ *testing.T, tx *Tx) error { _ = full(tx); return nil },
		"and the function goes on": func(t *testing.T, tx *Tx) error {
			err := full(tx)
			if next := insert(t.Context(), 101)(tx); !errors.Is(next, ErrUnavailable) {
				t.Errorf("the next statement: %v, want it refused", next)
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWriting(t)
			w.exec(`PRAGMA max_page_count = 1000`)
			calls := 0
			outcomes := w.inOrder(
				func(tx *Tx) error { calls++; return insert(t.Context(), 1)(tx) },
				func(tx *Tx) error { return end(t, tx) },
				insert(t.Context(), 2),
			)
			if !errors.Is(outcomes[1], ErrUnavailable) || outcomes[0] != nil || outcomes[2] != nil {
				t.Errorf("outcomes %v, want the second ErrUnavailable", outcomes)
			}
			if calls != 1 {
				t.Errorf("the function before was called %d times, want 1", calls)
			}
			w.has(1, 2)
		})
	}
}

// TestDB_InTx_rolledBackUnseen is the same for an error that does not say so.
func TestDB_InTx_rolledBackUnseen(t *testing.T) {
	w := newWriting(t)
	w.exec(`CREATE TRIGGER no BEFORE INSERT ON t WHEN NEW.id = 100 BEGIN SELECT RAISE(ROLLBACK, 'no'); END`)
	calls := 0
	outcomes := w.inOrder(
		func(tx *Tx) error { calls++; return insert(t.Context(), 1)(tx) },
		insert(t.Context(), 100),
		insert(t.Context(), 2),
	)
	if !errors.Is(outcomes[1], ErrRefused) || outcomes[0] != nil || outcomes[2] != nil || calls != 1 {
		t.Errorf("outcomes %v, the first called %d times; want the second refused, and 1", outcomes, calls)
	}
	w.has(1, 2)
}

// TestDB_InTx_random has many functions, of which some fail in several ways, write to one file
// over two handles: exactly what the others did is there.
func TestDB_InTx_random(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	draw := rand.New(rand.NewPCG(seed, 0))
	first := newWriting(t)
	handles := []writing{first, {openAt(t, first.DSN().Path), t}}
	const callers, rounds = 40, 25
	var mu sync.Mutex
	var want []int
	var wg sync.WaitGroup
	for c := range callers {
		w, steps := handles[c%2], make([]int, rounds)
		for i := range steps {
			steps[i] = draw.IntN(12)
		}
		wg.Go(func() {
			for i, step := range steps {
				if id := c*rounds + i; w.try(id, step) {
					mu.Lock()
					want = append(want, id)
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	slices.Sort(want)
	first.has(want...)
	t.Logf("%d calls, %d rows", callers*rounds, len(want))
}

var errStep = errors.New("this one fails")

// try inserts a row, in one of several ways of which some fail, and says whether it must be
// there. What goes against the rules fails the test.
func (w writing) try(id, step int) (there bool) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var want error
	calls := 0
	f := insert(ctx, id)
	then := func(after func(*Tx) error) {
		one := f
		f = func(tx *Tx) error {
			if err := one(tx); err != nil {
				return err
			}
			return after(tx)
		}
	}
	switch step {
	case 0:
		want = errStep
		then(func(*Tx) error { return errStep })
	case 1:
		want = ErrDuplicateKey
		then(insert(ctx, id))
	case 2: // a statement that fails, and the function goes on
		then(func(tx *Tx) error { _ = insert(ctx, id)(tx); return nil })
	case 3:
		want = context.Canceled
		then(func(tx *Tx) error { cancel(); return insert(ctx, -id)(tx) })
	case 4: // one that is called again
		then(func(*Tx) error {
			if calls++; calls == 1 {
				return fmt.Errorf("%w: try again", ErrTransient)
			}
			return nil
		})
	case 5:
		want = errStep
		then(func(*Tx) error { panic(errStep) })
	case 6:
		w.exits(f)
		return false
	case 7:
		n, err := w.ExecUrgent(ctx, `INSERT INTO t (id) VALUES (?1)`, id)
		if n != 1 || err != nil {
			w.t.Errorf("an urgent statement: %d rows, err %v", n, err)
		}
		return true
	}
	if err := w.caught(ctx, f); !errors.Is(err, want) || (want == nil) != (err == nil) {
		w.t.Errorf("case %d: err = %v, want %v", step, err, want)
	}
	return want == nil
}

// caught is InTx, with a panic of its function for an error.
func (w writing) caught(ctx context.Context, f func(*Tx) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = p.(error)
		}
	}()
	return w.InTx(ctx, f)
}

// exits has the goroutine of a function end in it.
func (w writing) exits(f func(*Tx) error) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = w.InTx(context.Background(), func(tx *Tx) error {
			if err := f(tx); err != nil {
				return err
			}
			runtime.Goexit()
			return nil
		})
		w.t.Error("the goroutine did not end")
	}()
	<-ended
}

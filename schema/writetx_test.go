package schema

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"
)

// TestTx_ended: nothing is done with a transaction that has ended.
func TestTx_ended(t *testing.T) {
	failure := errors.New("no")
	for name, outcome := range map[string]error{"committed": nil, "rolled back": failure} {
		t.Run(name, func(t *testing.T) {
			w := newWriting(t)
			var ended *Tx
			err := w.InTx(t.Context(), func(tx *Tx) error { ended = tx; return outcome })
			if !errors.Is(err, outcome) {
				t.Fatal(err)
			}
			if err := insert(t.Context(), 1)(ended); !errors.Is(err, sql.ErrTxDone) {
				t.Errorf("a change: err = %v, want sql.ErrTxDone", err)
			}
			ask := Question{Query: `SELECT 1`, Read: func(*sql.Rows) error { return errors.New("there are rows") }}
			if err := ended.Ask(t.Context(), ask); !errors.Is(err, sql.ErrTxDone) {
				t.Errorf("a question: err = %v, want sql.ErrTxDone", err)
			}
			if err := ended.QueryRowContext(t.Context(), `SELECT 1`).Scan(new(int)); err == nil {
				t.Error("a question for a row was answered")
			}
			w.has()
		})
	}
}

// TestTx_rowsLeftOpen: rows that functions forget to close keep neither their transaction from
// its end nor the connection from the next.
func TestTx_rowsLeftOpen(t *testing.T) {
	w := newWriting(t)
	ctx, failure := t.Context(), errors.New("no")
	forgetful := func(outcome error) func(tx *Tx) error {
		return func(tx *Tx) error {
			for range 2 {
				rows, err := tx.QueryContext(ctx, `SELECT 1 UNION SELECT 2`) //nolint:sqlclosecheck // that is what is tested
				if err != nil || !rows.Next() || rows.Err() != nil {
					return fmt.Errorf("no rows: %w", err)
				}
				_ = tx.QueryRowContext(ctx, `SELECT 3`)
			}
			return outcome
		}
	}
	done := make(chan []error)
	go func() {
		done <- []error{
			w.InTx(ctx, forgetful(nil)), w.InTx(ctx, forgetful(failure)), w.InTx(ctx, insert(ctx, 1)),
		}
	}()
	select {
	case errs := <-done:
		if errs[0] != nil || !errors.Is(errs[1], failure) || errs[2] != nil {
			t.Errorf("functions by themselves: %v", errs)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("a transaction did not end")
	}
	if errs := w.inOrder(forgetful(nil), forgetful(failure), insert(ctx, 2)); errs[0] != nil || !errors.Is(errs[1], failure) || errs[2] != nil {
		t.Errorf("functions in a queue: %v", errs)
	}
	w.has(1, 2)
}

// TestTx_rowsNested: a question may be asked while the same one is read.
func TestTx_rowsNested(t *testing.T) {
	w := newWriting(t)
	query := `SELECT ?2 - ?1 UNION SELECT ?2`
	var got []int
	var read func(tx *Tx, depth int) error
	read = func(tx *Tx, depth int) error {
		rows, err := tx.QueryContext(t.Context(), query, depth, 3*depth)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var n int
			if err := rows.Scan(&n); err != nil {
				return err
			}
			got = append(got, n)
			if depth < 3 {
				if err := read(tx, depth+1); err != nil {
					return err
				}
			}
		}
		return rows.Err()
	}
	if err := w.InTx(t.Context(), func(tx *Tx) error { return read(tx, 1) }); err != nil {
		t.Fatal(err)
	}
	if want := []int{2, 4, 6, 9, 6, 6, 9, 3, 4, 6, 9, 6, 6, 9}; !reflect.DeepEqual(got, want) {
		t.Errorf("read %v, want %v", got, want)
	}
}

type word string

// TestTx_ExecContext_arguments: arguments are stored as database/sql would, or refused.
func TestTx_ExecContext_arguments(t *testing.T) {
	w := newWriting(t)
	ctx := t.Context()
	w.exec(`CREATE TABLE v (who TEXT, value ANY) STRICT`)
	var nobody *int
	one := 1
	for i, arg := range []any{
		nil, 7, -7, int64(1) << 60, int32(5), uint8(6), true, false, 1.5, "text", "", []byte("bytes"), []byte{}, []byte(nil),
		word("word"), nobody, &one, sql.NullString{}, sql.NullString{String: "s", Valid: true},
		[]any{"a slice"}, struct{}{}, make(chan int), uint64(1) << 63, [2]byte{},
	} {
		_, want := w.write.ExecContext(ctx, `INSERT INTO v VALUES ('sql', ?1)`, arg)
		got := w.InTx(ctx, func(tx *Tx) error {
			_, err := tx.ExecContext(ctx, `INSERT INTO v (value, who) VALUES (?2, ?1)`, "tx", arg)
			return err
		})
		if (got == nil) != (want == nil) {
			t.Errorf("argument %d, a %T: err = %v, database/sql says %v", i, arg, got, want)
		}
		var different int
		err := w.QueryRowContext(ctx, `SELECT COUNT(*) FROM (SELECT typeof(value), value FROM v WHERE who = 'sql'
			EXCEPT SELECT typeof(value), value FROM v WHERE who = 'tx')`).Scan(&different)
		if err != nil || different > 0 {
			t.Errorf("argument %d, a %T, is stored differently, err %v", i, arg, err)
		}
		w.exec(`DELETE FROM v`)
	}
	few := w.InTx(ctx, func(tx *Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO v (value, who) VALUES (?2, ?1)`, "tx")
		return err
	})
	if few == nil {
		t.Error("an argument was missing, and nobody minded")
	}
}

// TestDB_InTx_beginEnds: a context that ends at any moment of a beginning leaves no transaction
// behind.
func TestDB_InTx_beginEnds(t *testing.T) {
	w := newWriting(t)
	for i := range 300 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*100*time.Nanosecond)
		_ = w.InTx(ctx, insert(t.Context(), 1000+i))
		cancel()
		if err := w.InTx(t.Context(), insert(t.Context(), i)); err != nil {
			t.Fatal(err)
		}
	}
}

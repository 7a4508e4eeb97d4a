package schema_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"orderflow/schema"
	"orderflow/schema/schematest"
)

// moveHead moves the head of a partition, on a condition.
func moveHead(partition, from, to int) schema.Question {
	return schema.Question{Query: `UPDATE heads SET head = ?1 WHERE partition = ?2 AND head = ?3`, Args: []any{to, partition, from}, Want: 1, Spare: true}
}

func inBatch(ctx context.Context, db *schema.DB, questions ...schema.Question) error {
	return db.InBatch(ctx, func() ([]schema.Question, error) { return questions, nil })
}

// probe is a row that can be inserted once.
func probe(node string) schema.Question {
	return schema.Question{Query: `INSERT INTO probes (node, content, written_at) VALUES (?1, ?2, '2026-01-01')`, Args: []any{node, []byte{1}}}
}

// TestDB_InBatch: a transaction takes place whole or not at all, and costs one round trip.
func TestDB_InBatch(t *testing.T) {
	schematest.NeedSQLServer(t)
	proxy, db := schematest.Through(t, schematest.SQLServerDSN(t))
	if _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	heads := func(want ...int64) {
		t.Helper()
		for partition, want := range want {
			if got := headOf(t, db, partition); got != want {
				t.Errorf("the head of partition %d is at %d, want %d", partition, got, want)
			}
		}
	}
	told := make([]int64, 3)
	tell := func(q schema.Question, i int) schema.Question {
		q.Changed = func(rows int64) { told[i] = rows }
		return q
	}

	before, sent := db.Stats(), proxy.Requests()
	if err := inBatch(t.Context(), db, moveHead(0, 0, 10), tell(moveHead(1, 0, 11), 0), moveHead(2, 0, 12)); err != nil {
		t.Fatal(err)
	}
	after, wire := db.Stats(), proxy.Requests()-sent
	if trips := after.RoundTrips - before.RoundTrips; trips != 1 || wire > 2 || after.Transactions-before.Transactions != 1 || told[0] != 1 {
		t.Errorf("%d round trips were counted and %d went over the wire, of %d transactions, and %d rows were told; want one of each",
			trips, wire, after.Transactions-before.Transactions, told[0])
	}
	heads(10, 11, 12)

	err := inBatch(t.Context(), db, tell(moveHead(0, 10, 20), 0), tell(moveHead(1, 5, 21), 1), tell(moveHead(2, 12, 22), 2))
	if !errors.Is(err, schema.ErrUnmet) || told[0] != 1 || told[1] != 0 || told[2] != 1 {
		t.Errorf("one of three rows is not as expected: %v, and the answers are %v", err, told)
	}
	heads(10, 11, 12)

	other := schematest.Again(t, db)
	if err := inBatch(t.Context(), db, probe("a")); err != nil {
		t.Fatal(err)
	}
	for name, questions := range map[string][]schema.Question{
		"at its beginning": {probe("a"), moveHead(0, 10, 30)},
		"in its middle":    {moveHead(0, 10, 30), probe("b"), probe("a"), tell(moveHead(1, 11, 31), 1)},
		"at its end":       {tell(moveHead(0, 10, 30), 0), moveHead(1, 11, 31), probe("a")},
	} {
		if err := inBatch(t.Context(), db, questions...); !errors.Is(err, schema.ErrDuplicateKey) || errors.Is(err, schema.ErrCommit) {
			t.Errorf("a key is taken %s: %v, want ErrDuplicateKey", name, err)
		}
		heads(10, 11, 12)
		err := other.InTxBrief(t.Context(), 300*time.Millisecond, func(tx *schema.Tx) error { // before the connection is used again
			return errors.Join(lockHead(t.Context(), tx, 0), lockHead(t.Context(), tx, 1), errOver)
		})
		if !errors.Is(err, errOver) || errors.Is(err, schema.ErrBusy) {
			t.Errorf("after a key that was taken %s, a row is still locked: %v", name, err)
		}
	}
	if err := inBatch(t.Context(), db, probe("b"), moveHead(0, 10, 40)); err != nil {
		t.Error(err)
	}
	heads(40, 11, 12)
	many := make([]schema.Question, 1000)
	for i := range many {
		many[i] = moveHead(0, 40, 50)
	}
	if err := inBatch(t.Context(), db, many...); !errors.Is(err, schema.ErrTooLong) {
		t.Errorf("3,000 arguments: %v, want ErrTooLong", err)
	}
}

// TestDB_InBatch_silent: a client that has fallen silent holds nothing, and its transaction takes place.
func TestDB_InBatch_silent(t *testing.T) {
	schematest.NeedSQLServer(t)
	other := schematest.SQLServer(t)
	proxy, db := schematest.Through(t, other.DSN().URL.String())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := inBatch(ctx, db, moveHead(0, 0, 1)); err != nil {
		t.Fatal(err)
	}
	release := schematest.Hold(t, other, 1, `UPDATE heads SET head = head + 1 WHERE partition = 1`)
	said := make(chan error, 1)
	go func() { said <- inBatch(ctx, db, moveHead(0, 1, 2), moveHead(1, 0, 2)) }()
	var err error
	for err == nil && ctx.Err() == nil { // until the server has head 0 locked for it, and waits for head 1
		err = other.InTxBrief(ctx, 50*time.Millisecond, func(tx *schema.Tx) error {
			if err := lockHead(ctx, tx, 0); err != nil {
				return err
			}
			return errOver
		})
		if errors.Is(err, errOver) {
			err = nil
		}
	}
	if !errors.Is(err, schema.ErrBusy) {
		t.Fatal(err)
	}
	proxy.Silence(true)
	release()
	err = inBatch(ctx, other, moveHead(0, 2, 3), moveHead(1, 2, 3))
	if a, b := headOf(t, other, 0), headOf(t, other, 1); err != nil || a != 3 || b != 3 {
		t.Errorf("behind a transaction whose client is silent: %v, heads %d and %d, want 3 and 3", err, a, b)
	}
	proxy.Cut()
	if err := <-said; !errors.Is(err, schema.ErrCommit) || !errors.Is(err, schema.ErrUnavailable) {
		t.Errorf("a transaction whose answer was lost: %v, want ErrCommit", err)
	}
}

var errOver = errors.New("over")

// TestDB_InBatchBrief: behind a row that a stranger holds, a brief transaction is given up, whole and once, and its
// connection has nothing open.
func TestDB_InBatchBrief(t *testing.T) {
	schematest.NeedSQLServer(t)
	db := schematest.SQLServer(t)
	release := schematest.Hold(t, db, 1, `UPDATE heads SET head = head + 1 WHERE partition = 1`)
	calls := 0
	err := db.InBatchBrief(t.Context(), 300*time.Millisecond, func() ([]schema.Question, error) {
		calls++
		return []schema.Question{moveHead(0, 0, 1), moveHead(1, 0, 1)}, nil
	})
	if !errors.Is(err, schema.ErrBusy) || errors.Is(err, schema.ErrCommit) || calls != 1 {
		t.Errorf("a row is held: %v after %d calls, want ErrBusy after one", err, calls)
	}
	if err := inBatch(t.Context(), schematest.Again(t, db), moveHead(0, 0, 2)); err != nil {
		t.Errorf("on the row that was changed and given back: %v", err)
	}
	release()
	if err := inBatch(t.Context(), db, moveHead(0, 2, 3), moveHead(1, 0, 3)); err != nil {
		t.Error(err)
	}
}

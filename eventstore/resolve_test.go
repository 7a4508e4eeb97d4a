package eventstore

import (
	"context"
	"errors"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

// TestStore_resolve: a look for an event whose COMMIT had no answer waits for a transaction that may be
// appending the event, and lets nobody append until it has ended itself. Then the head is where it was.
func TestStore_resolve(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		db := open(t)
		mine, theirs := openStore(t, db), openStore(t, schematest.Again(t, db))
		first, err := theirs.Append(t.Context(), work.Unit{OrderID: domain.OrderID{1}, Events: []domain.Event{domain.OrderPlaced{}}})
		if err != nil {
			t.Fatal(err)
		}
		last := &first.Events[0]
		step := func(attempt int) work.Unit {
			return work.Unit{OrderID: domain.OrderID{1}, Expected: attempt, Events: []domain.Event{domain.StepStarted{Step: domain.Scheduling, Attempt: attempt, Node: "n"}}}
		}

		t.Run("it keeps others out", func(t *testing.T) {
			appended := make(chan error, 1)
			err := mine.db.InTx(t.Context(), func(tx *schema.Tx) error {
				if found, err := inLog(t.Context(), tx, last); err != nil || !found {
					return errors.Join(errors.New("the event was not found"), err)
				}
				go func() {
					_, err := theirs.Append(context.WithoutCancel(t.Context()), step(1))
					appended <- err
				}()
				select {
				case err := <-appended:
					t.Errorf("an append ended before the look had (err %v)", err)
					appended <- err
				case <-time.After(300 * time.Millisecond):
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := <-appended; err != nil {
				t.Errorf("the append that waited: %v", err)
			}
		})
		t.Run("it waits for others", func(t *testing.T) {
			next := *last
			next.Position += 2
			looked := make(chan bool, 1)
			_, err := theirs.AppendWith(t.Context(), step(2), func(ctx context.Context, tx *schema.Tx) error {
				if _, err := inLog(ctx, tx, last); err != nil { // it locks the head before the append does
					return err
				}
				go func() {
					var there bool
					ctx := context.WithoutCancel(ctx)
					err := mine.db.InTx(ctx, func(tx *schema.Tx) error {
						_, err := inLog(ctx, tx, &next)
						row := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM events WHERE partition = ?1 AND position = ?2`, next.Partition, next.Position)
						return errors.Join(err, row.Scan(&there))
					})
					looked <- err == nil && there
				}()
				select {
				case there := <-looked:
					looked <- there
					return errors.New("the look ended before the append had")
				case <-time.After(300 * time.Millisecond):
					return nil
				}
			})
			if err != nil || !<-looked {
				t.Errorf("err %v; or the look that waited did not see what was committed meanwhile", err)
			}
		})
		heads, err := mine.Heads(t.Context())
		if err != nil || heads[last.Partition] != 3 {
			t.Errorf("heads %v, err %v; want the three events that were appended", heads, err)
		}
	})
}

func openStore(t *testing.T, db *schema.DB) *Store {
	t.Helper()
	s, err := Open(t.Context(), db, Config{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

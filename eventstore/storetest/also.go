package storetest

import (
	"context"
	"errors"
	"testing"

	"orderflow/domain"
	"orderflow/schema"
)

// testAlso appends together with something else.
func testAlso(t *testing.T, open func(testing.TB) *schema.DB) {
	const marks = `SELECT COUNT(*) FROM consumer_offsets WHERE consumer_group = 'also'`
	mark := func(ctx context.Context, tx *schema.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO consumer_offsets (consumer_group, topic, partition, position) VALUES ('also', 't', 1, 0)`)
		return err
	}
	id := order(1)

	t.Run("together", func(t *testing.T) {
		f := newFixture(t, open(t))
		done, err := f.AppendWith(t.Context(), placed(id), mark)
		must(t, err)
		if n := f.count(t, marks); n != 1 || len(done.Events) != 1 {
			t.Errorf("%d events and %d marks, want one of each", len(done.Events), n)
		}
	})
	t.Run("not without the append", func(t *testing.T) {
		f := newFixture(t, open(t))
		_, err := f.Append(t.Context(), placed(id))
		must(t, err)
		_, err = f.AppendWith(t.Context(), placed(id), mark)
		want(t, err, domain.ErrConflict)
		if n := f.count(t, marks); n != 0 {
			t.Errorf("the append failed and %d marks are there", n)
		}
	})
	t.Run("no append without it", func(t *testing.T) {
		f := newFixture(t, open(t))
		errAlso := errors.New("also")
		_, err := f.AppendWith(t.Context(), placed(id), func(ctx context.Context, tx *schema.Tx) error {
			return errors.Join(mark(ctx, tx), errAlso)
		})
		want(t, err, errAlso)
		if _, err := f.Load(t.Context(), id); !errors.Is(err, domain.ErrNotFound) || f.count(t, marks) != 0 {
			t.Errorf("it failed; the stream: %v, marks: %d", err, f.count(t, marks))
		}
	})
}

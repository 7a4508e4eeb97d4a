package projections

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"orderflow/domain"
	"orderflow/projections/tail"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

// streams counts what is asked of the streams.
type streams struct {
	Streams
	loads, versions int
	err             error
}

func (s *streams) Load(ctx context.Context, id domain.OrderID) ([]domain.Recorded, error) {
	s.loads++
	return s.Streams.Load(ctx, id)
}

func (s *streams) Version(ctx context.Context, id domain.OrderID) (int, error) {
	s.versions++
	v, err := s.Streams.Version(ctx, id)
	return v, errors.Join(err, s.err)
}

func TestViews_Get(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f := newFixture(t, open(t))
		s := &streams{Streams: f.Store}
		views := NewViews(f.DB, s)
		id := f.Place("a")
		get := func(t *testing.T, version, loads, versions int) OrderView {
			t.Helper()
			s.loads, s.versions = 0, 0
			v, err := views.Get(t.Context(), id)
			must(t, err)
			if v.Version != version || s.loads != loads || s.versions != versions {
				t.Fatalf("version %d after %d loads and %d questions for the version, want %d, %d, %d", v.Version, s.loads, s.versions, version, loads, versions)
			}
			return v
		}
		t.Run("no row yet", func(t *testing.T) { get(t, 1, 1, 0) })
		f.project(tail.Config{})
		t.Run("from the row", func(t *testing.T) { get(t, 1, 0, 1) })
		f.Do(id, complete("n", domain.Scheduling)...)
		t.Run("row lags", func(t *testing.T) {
			if v := get(t, 3, 1, 1); v.Status != domain.Status(domain.PreProcessing) {
				t.Fatalf("status %s, want PreProcessing", v.Status)
			}
		})
		f.Exec(`UPDATE orders SET version = 7 WHERE order_id = ?1`, id[:])
		t.Run("row ahead of its stream", func(t *testing.T) { get(t, 3, 1, 1) })
		f.Exec(`UPDATE orders SET version = 1, steps = 'x' WHERE order_id = ?1`, id[:])
		t.Run("row unreadable", func(t *testing.T) { get(t, 3, 1, 0) })
		f.project(tail.Config{})
		f.Do(id, complete("n", domain.Steps()[1:]...)...)
		f.project(tail.Config{})
		t.Run("ended: its version is not asked for", func(t *testing.T) { get(t, 10, 0, 0) })
		t.Run("unknown", func(t *testing.T) {
			if _, err := views.Get(t.Context(), domain.OrderID{9}); !errors.Is(err, domain.ErrNotFound) {
				t.Fatalf("err %v, want ErrNotFound", err)
			}
		})
		t.Run("stream unavailable", func(t *testing.T) {
			id = f.Place("b")
			f.project(tail.Config{})
			s.err = domain.ErrUnavailable
			if v, err := views.Get(t.Context(), id); !errors.Is(err, domain.ErrUnavailable) || v.Version != 0 {
				t.Fatalf("version %d, err %v; want ErrUnavailable and no view", v.Version, err)
			}
		})
	})
}

// TestViews_GetAt: an order as it was after each of its events, by version and by time, with one statement.
func TestViews_GetAt(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f := newFixture(t, open(t))
		id := f.Place("a")
		f.Do(id, fail("n", 2)...)
		f.project(tail.Config{})
		events, err := f.Load(t.Context(), id)
		must(t, err)
		get := func(m domain.Moment) (OrderView, error) {
			before := f.DB.Stats().Statements
			v, err := f.views.GetAt(t.Context(), id, m)
			if n := f.DB.Stats().Statements - before; n != 1 {
				t.Errorf("it took %d statements, want 1", n)
			}
			return v, err
		}
		for n := 1; n <= len(events); n++ {
			o, err := domain.Fold(events[:n])
			must(t, err)
			v, err := get(domain.Moment{Version: n})
			if must(t, err); toJSON(t, v) != toJSON(t, ViewOf(o)) {
				t.Errorf("version %d: %s", n, toJSON(t, v))
			}
			v, err = get(domain.Moment{At: events[n-1].RecordedAt})
			if must(t, err); v.Version < n || v.Version < len(events) && !events[v.Version].RecordedAt.After(events[n-1].RecordedAt) {
				t.Errorf("when version %d was recorded it had version %d", n, v.Version)
			}
		}
		if v, err := get(domain.Moment{At: events[len(events)-1].RecordedAt.AddDate(1, 0, 0)}); err != nil || v.Version != len(events) {
			t.Errorf("in a year: version %d, err %v", v.Version, err)
		}
		if _, err := get(domain.Moment{At: events[0].RecordedAt.Add(-1)}); !errors.Is(err, domain.ErrNotFound) {
			t.Errorf("before it was placed: err %v, want ErrNotFound", err)
		}
		var field *domain.FieldError
		if _, err := get(domain.Moment{Version: len(events) + 1}); !errors.As(err, &field) || !strings.Contains(field.Expected, fmt.Sprintf("1 to %d,", len(events))) {
			t.Errorf("a version too far: err %v, want the last named", err)
		}
		if _, err := f.views.GetAt(t.Context(), domain.OrderID{9}, domain.Moment{Version: 1}); !errors.Is(err, domain.ErrNotFound) {
			t.Errorf("no such order: err %v, want ErrNotFound", err)
		}
	})
}

func TestViews_Counts(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		db := open(t)
		schematest.Partitions(t, db, 3)
		f := newFixture(t, db)
		for i, commands := range [][]domain.Command{nil, fail("n", 0), fail("n", 3), complete("n", domain.Steps()...), interrupted("n"), nil} {
			id := f.Place("")
			f.Do(id, commands...)
			if i == 2 {
				f.project(tail.Config{})
			}
		}
		f.project(tail.Config{})
		before := f.DB.Stats().Statements
		got, err := f.views.Counts(t.Context())
		must(t, err)
		if n := f.DB.Stats().Statements - before; n != 1 {
			t.Errorf("it took %d statements, want 1", n)
		}
		want := map[domain.Status]int64{domain.StatusPending: 2, domain.StatusFailed: 2, domain.StatusCompleted: 1, domain.StatusParked: 1}
		if len(got) != len(domain.Statuses()) {
			t.Errorf("%d statuses, want all %d", len(got), len(domain.Statuses()))
		}
		for status, n := range got {
			if n != want[status] {
				t.Errorf("%s: %d, want %d", status, n, want[status])
			}
		}
	})
}

package viewtest

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"orderflow/domain"
	"orderflow/projections"
	"orderflow/projections/internal/logtest"
	"orderflow/projections/internal/rows"
	"orderflow/schema"
)

// Fixture is a log with views of it.
type Fixture struct {
	*logtest.Fixture
	Views *projections.Views
}

// New gives a fixture on an empty database.
func New(t testing.TB, db *schema.DB) *Fixture {
	t.Helper()
	return Of(logtest.New(t, db))
}

// Partitioned is New with several partitions in either dialect.
func Partitioned(t testing.TB, db *schema.DB) *Fixture {
	t.Helper()
	return Of(logtest.Partitioned(t, db))
}

// Of gives a log its views.
func Of(f *logtest.Fixture) *Fixture {
	return &Fixture{Fixture: f, Views: projections.NewViews(f.DB, f.Store)}
}

// Order is an order as its stream has it.
func (f *Fixture) Order(id domain.OrderID) domain.Order {
	f.T.Helper()
	events, err := f.Load(context.Background(), id)
	logtest.Must(f.T, err)
	o, err := domain.Fold(events)
	logtest.Must(f.T, err)
	return o
}

// SameAsStreams fails the test unless the rows show just these orders, each as the fold
// of its stream, and the counts agree. It shares no code with package verify.
func (f *Fixture) SameAsStreams(ids []domain.OrderID) {
	f.T.Helper()
	var stored []rows.Row
	answer, err := f.DB.QueryContext(context.Background(), `SELECT `+rows.Columns+` FROM `+rows.LiveTable)
	logtest.Must(f.T, err)
	logtest.Must(f.T, rows.Scan(answer, func(r *rows.Row) error {
		var states rows.States
		if _, err := r.DecodeSteps(&states); err != nil {
			return err
		}
		row := *r
		row.Steps = rows.EncodeSteps(&states) // whichever program wrote them
		stored = append(stored, row)
		return nil
	}))
	if len(stored) != len(ids) {
		f.T.Fatalf("%d rows, want %d", len(stored), len(ids))
	}
	counts := map[domain.Status]int64{}
	for _, s := range domain.Statuses() {
		counts[s] = 0
	}
	for _, row := range stored {
		if !slices.Contains(ids, row.ID) {
			f.T.Fatalf("a row of order %s, which was not placed", row.ID)
		}
		if want := rows.Of(f.Order(row.ID)); !reflect.DeepEqual(row, want) {
			f.T.Fatalf("row\n%+v\nstream\n%+v", row, want)
		}
		counts[row.Status]++
	}
	got, err := f.Views.Counts(context.Background())
	logtest.Must(f.T, err)
	if fmt.Sprint(got) != fmt.Sprint(counts) {
		f.T.Fatalf("counts %v, want %v", got, counts)
	}
}

package tail

import (
	"errors"
	"testing"

	"orderflow/domain"
	"orderflow/projections/internal/rows"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

// restored is a database that was taken back to the first event of its only order, of which no
// view is written, under a projector that goes on and knows of more.
type restored struct {
	*fixture          // whose store remembers more, too
	other    *fixture // another process, which remembers nothing
	p        *Projector
	id       domain.OrderID
}

// newRestored has the projector apply the first applied of three events before.
func newRestored(t *testing.T, db *schema.DB, applied int) *restored {
	r := &restored{fixture: newFixture(t, db)}
	r.id = r.Place("a")
	commands := complete("n", domain.Scheduling)
	r.Do(r.id, commands[:applied-1]...)
	r.p = NewProjector(r.DB, r.Follower(), Config{})
	_, err := r.p.Round(t.Context())
	must(t, err)
	r.Do(r.id, commands[applied-1:]...)
	guard := `DROP TRIGGER events_no_delete`
	if db.Dialect().Name() == "sqlserver" {
		guard = `DROP TRIGGER events_append_only`
	}
	for _, query := range []string{
		guard, `DELETE FROM events WHERE position > 1`, `UPDATE heads SET head = 1 WHERE head > 1`,
		`DELETE FROM orders`, `UPDATE checkpoints SET position = 0, counts = '{}'`,
	} {
		r.Exec(query)
	}
	r.other = newFixture(t, db)
	return r
}

// isRight has the projector pass, twice where it has to find out something first, and holds rows
// and counts against the streams.
func (r *restored) isRight() {
	r.T.Helper()
	for range 2 {
		_, err := r.p.Round(r.T.Context())
		must(r.T, err)
	}
	r.other.SameAsStreams([]domain.OrderID{r.id})
	r.other.verify()
	counts, err := r.Views.Counts(r.T.Context())
	must(r.T, err)
	var sum int64
	for _, n := range counts {
		sum += n
	}
	if o := r.other.Order(r.id); counts[o.Status()] != 1 || sum != 1 {
		r.T.Errorf("counts are %v, want one order in status %s", counts, o.Status())
	}
}

// TestProjector_history: a projector goes on with the log that is stored, whatever it remembers.
func TestProjector_history(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		t.Run("the head is lower", func(t *testing.T) {
			r := newRestored(t, open(t), 3)
			r.isRight()
			must(t, r.CheckHistory(t.Context()))
			r.other.Do(r.id, fail("m", 1)...)
			r.isRight()
		})
		t.Run("the log has grown to where it was", func(t *testing.T) {
			r := newRestored(t, open(t), 3)
			r.other.Do(r.id, fail("m", 1)[:2]...)
			r.other.project(Config{})
			r.other.Do(r.id, fail("m", 1)[2:]...)
			r.isRight()
		})
		t.Run("events that are gone are in memory", func(t *testing.T) {
			r := newRestored(t, open(t), 1)
			r.other.Do(r.id, fail("m", 1)[:2]...)
			_, err := r.p.Round(t.Context())
			if s := r.stored(); err != nil && !errors.Is(err, domain.ErrCorrupt) || s != "" && s != "Pending" {
				t.Errorf("the view says %q (err %v), from events that are not in the log", s, err)
			}
			must(t, r.CheckHistory(t.Context()))
			r.isRight()
		})
		t.Run("the log is the same and the checkpoint is not", func(t *testing.T) {
			f := newFixture(t, open(t))
			r := &restored{fixture: f, other: f, id: f.Place("a"), p: NewProjector(f.DB, f.Store, Config{})}
			_, err := r.p.Round(t.Context())
			must(t, err)
			f.Exec(`DELETE FROM orders`)
			f.Exec(`UPDATE checkpoints SET position = 0, counts = '{}'`)
			r.isRight()
		})
	})
}

// stored is the status of the order's row; empty without one.
func (r *restored) stored() (status string) {
	answer, err := r.DB.QueryContext(r.T.Context(), `SELECT `+rows.Columns+` FROM orders`) //nolint:rowserrcheck // rows.Scan does
	must(r.T, err)
	must(r.T, rows.Scan(answer, func(row *rows.Row) error {
		status = string(row.Status)
		return nil
	}))
	return status
}

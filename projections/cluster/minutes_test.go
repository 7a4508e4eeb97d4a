package cluster

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func exec(t testing.TB, db *schema.DB, query string, args ...any) {
	t.Helper()
	must(t, db.InTx(t.Context(), func(tx *schema.Tx) error { _, err := tx.ExecContext(t.Context(), query, args...); return err }))
}

// placed is a meter that has counted so many orders, and a step of each that ran for a second.
func placed(n int) *Meter {
	m := NewMeter()
	for range n {
		m.open.Placed++
		m.open.runs.add(domain.Scheduling, time.Second)
	}
	m.Close(Counts{})
	return m
}

// TestMinutes: what nodes counted is added up over 15 minutes and over a day, and each row counts once, however often it is
// looked at and whenever it comes.
func TestMinutes(t *testing.T) {
	schematest.OnEach(t, 1, map[string]func(*testing.T, *schema.DB){"added up": testMinutes, "not stored": testMinutesFailed})
}

func testMinutes(t *testing.T, db *schema.DB) {
	minutes := NewMinutes(db)
	write := func(node string, n int, ago time.Duration) {
		t.Helper()
		must(t, minutes.Write(t.Context(), node, placed(n)))
		exec(t, db, `UPDATE minutes SET closed_at = `+db.Dialect().NowPlus("?2")+`, node = ?1 WHERE node = ?3`,
			fmt.Sprint(node, " ", ago), -ago.Milliseconds(), node)
	}
	write("a", 1, 0)
	write("b", 2, 0)
	write("a", 4, 14*time.Minute)
	write("a", 8, 16*time.Minute)
	write("a", 16, 23*time.Hour)
	write("a", 32, 25*time.Hour)
	must(t, minutes.Write(t.Context(), "idle", NewMeter()))

	l := &ledger{}
	adds := func(inQuarter, inDay int64) {
		t.Helper()
		odd, err := l.update(t.Context(), db)
		must(t, err)
		now, err := NewFigures(db).Now(t.Context())
		must(t, err)
		q, d := l.last(quarter, now), l.last(day, now)
		if q.Placed != inQuarter || d.Placed != inDay || q.times(domain.Scheduling).Run.Count != inQuarter || odd != 0 {
			t.Errorf("placed %d in 15 minutes and %d in a day, %d odd; want %d and %d", q.Placed, d.Placed, odd, inQuarter, inDay)
		}
	}
	adds(7, 31)
	adds(7, 31)
	write("late", 64, time.Minute)
	adds(71, 95)
}

// TestHistory_asOf: sums are as of a minute before the look, since a node may not have stored what it counted since.
func TestHistory_asOf(t *testing.T) {
	h := &history{db: schematest.SQLite(t)}
	now := time.Now()
	s, err := h.read(t.Context(), now)
	if must(t, err); !s.quarterAt.Equal(now.Add(-time.Minute)) || !s.dayAt.Equal(now.Add(-time.Minute)) {
		t.Errorf("looked at %s, they are as of %s and %s", now, s.quarterAt, s.dayAt)
	}
}

func testMinutesFailed(t *testing.T, db *schema.DB) {
	m := placed(3)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := NewMinutes(db).Write(ctx, "node", m); err == nil {
		t.Fatal("it is stored though its context has ended")
	}
	if s := m.takeMinute(); s == nil || s.Placed != 3 {
		t.Errorf("what could not be stored is lost: %+v", s)
	}
}

// TestMinutes_plan: rows are searched by their time.
func TestMinutes_plan(t *testing.T) {
	db := schematest.SQLite(t)
	for _, l := range []ledger{{}, {until: time.Now()}} {
		query, args := l.query(db.Dialect())
		if got := schematest.Plan(t, db, query, args...); !strings.Contains(got, "SEARCH m USING PRIMARY KEY (closed_at>?)") || strings.Contains(got, "TEMP B-TREE") {
			t.Errorf("minutes are read so:\n%s", got)
		}
	}
}

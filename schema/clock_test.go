package schema

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"orderflow/schema/sqlitedb"
)

// openAt opens a migrated SQLite file, to hold leases in it.
func openAt(t *testing.T, path string) *DB {
	t.Helper()
	db := openTicking(t, path, sqlitedb.MachineTicks())
	if err := db.JoinClock(t.Context(), func(string) {}); err != nil {
		t.Fatal(err)
	}
	return db
}

// openTicking opens a migrated SQLite file as a process with these ticks would.
func openTicking(t *testing.T, path string, clock sqlitedb.Ticks) *DB {
	t.Helper()
	db, err := openWith(t.Context(), DSN{Path: path}, sqlite{sqlitedb.NewClock(clock)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db
}

func (db *DB) ask(t *testing.T, expression string, args ...any) time.Time {
	t.Helper()
	var now Time
	if err := db.QueryRowContext(t.Context(), `SELECT `+expression, args...).Scan(&now); err != nil {
		t.Fatal(err)
	}
	return now.Time
}

func TestLeaseClock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	a := openAt(t, path)
	now := a.Dialect().Now()
	first := a.ask(t, now)
	if d := time.Since(first).Abs(); d > time.Minute {
		t.Errorf("the lease clock says %s, %s off the wall clock", first, d)
	}
	b := openAt(t, path)
	second, third := b.ask(t, now), a.ask(t, now)
	if second.Before(first) || third.Before(second) {
		t.Errorf("the clock goes back: %s, %s, %s", first, second, third)
	}
	for _, ms := range []int{-1500, 0, 86_400_000} {
		want := a.ask(t, now).Add(time.Duration(ms) * time.Millisecond)
		if got := a.ask(t, a.Dialect().NowPlus("?1"), ms); got.Before(want) || got.Sub(want) > time.Minute {
			t.Errorf("in %d ms it is %s, want %s", ms, got, want)
		}
	}
}

func TestLeaseClock_unset(t *testing.T) {
	db := openAt(t, filepath.Join(t.TempDir(), "test.db"))
	if _, err := db.write.ExecContext(t.Context(), `DELETE FROM lease_clock`); err != nil {
		t.Fatal(err)
	}
	var now Time
	err := db.QueryRowContext(t.Context(), `SELECT `+db.Dialect().Now()).Scan(&now)
	if err == nil || !strings.Contains(err.Error(), "was never set") {
		t.Errorf("a clock that has not been set says %s, err %v", now, err)
	}
}

func BenchmarkLeaseClock(b *testing.B) {
	db, err := Open(b.Context(), filepath.Join(b.TempDir(), "test.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	if err := db.JoinClock(b.Context(), func(string) {}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		var now string
		if err := db.QueryRowContext(b.Context(), `SELECT `+db.Dialect().Now()).Scan(&now); err != nil {
			b.Fatal(err)
		}
	}
}

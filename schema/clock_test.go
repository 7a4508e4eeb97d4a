package schema

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// openAt opens a migrated SQLite file.
func openAt(t *testing.T, path string) *DB {
	t.Helper()
	db, err := Open(t.Context(), path)
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
	if err == nil || !strings.Contains(err.Error(), "has not been set") {
		t.Errorf("a clock that has not been set says %s, err %v", now, err)
	}
}

// TestSetClock_reboot starts the machine again, with a wall clock that has been set back.
func TestSetClock_reboot(t *testing.T) {
	db := openAt(t, filepath.Join(t.TempDir(), "test.db"))
	last := time.Now().Add(time.Hour)
	if _, err := db.write.ExecContext(t.Context(), `INSERT INTO nodes (node, epoch, state, slots, host, pid, version, roles, admin, started_at, heartbeat_at, expires_at)
		VALUES ('a', 1, 'active', 1, '', 1, '', '', '', ?1, ?1, ?1)`, TimeArg(last)); err != nil {
		t.Fatal(err)
	}
	anchor := func() (boot string, at int64) {
		if err := db.QueryRowContext(t.Context(), `SELECT boot, anchor FROM lease_clock`).Scan(&boot, &at); err != nil {
			t.Fatal(err)
		}
		return boot, at
	}
	boot, before := anchor()
	if err := setClock(t.Context(), db.write, ticks{boot: boot, now: func() int64 { return 0 }}); err != nil {
		t.Fatal(err)
	}
	if _, at := anchor(); at != before {
		t.Error("the anchor was moved without a start of the machine")
	}
	for range 2 { // the second finds it done
		if err := setClock(context.Background(), db.write, ticks{boot: "another", now: func() int64 { return 5_000_000 }}); err != nil {
			t.Fatal(err)
		}
	}
	if boot, at := anchor(); boot != "another" || at != last.UnixMicro()-5_000_000 {
		t.Errorf("after a start of the machine the anchor is %s %s, want another %s", boot, time.UnixMicro(at), last.Add(-5*time.Second))
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
	for b.Loop() {
		var now string
		if err := db.QueryRowContext(b.Context(), `SELECT `+db.Dialect().Now()).Scan(&now); err != nil {
			b.Fatal(err)
		}
	}
}

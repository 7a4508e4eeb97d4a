package schema

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"orderflow/schema/sqlitedb"
)

// still are ticks that do not go on.
func still(boot string, at int64) sqlitedb.Ticks {
	return sqlitedb.Ticks{Boot: boot, Now: func() int64 { return at }}
}

// storedClock is the clock of a file.
func (db *DB) storedClock(t *testing.T) (boot string, anchor int64) {
	t.Helper()
	err := db.QueryRowContext(t.Context(), `SELECT COALESCE(MAX(boot), ''), COALESCE(MAX(anchor), 0) FROM lease_clock`).Scan(&boot, &anchor)
	if err != nil {
		t.Fatal(err)
	}
	return boot, anchor
}

// enter writes a registration that is good for some time from its heartbeat on.
func (db *DB) enter(t *testing.T, node, state string, heartbeat time.Time, good time.Duration) {
	t.Helper()
	if _, err := db.write.ExecContext(t.Context(), `INSERT INTO nodes (node, epoch, state, slots, host, pid, version, roles, admin, started_at, heartbeat_at, expires_at)
		VALUES (?1, 1, ?2, 1, 'h', 7, '', '', '', ?3, ?3, ?4)`, node, state, TimeArg(heartbeat), TimeArg(heartbeat.Add(good))); err != nil {
		t.Fatal(err)
	}
}

func (db *DB) join(ctx context.Context) (told string, err error) {
	err = db.JoinClock(ctx, func(note string) { told += note + "\n" })
	return told, err
}

// TestLeaseClock_onlookers: who only looks moves no clock, whatever clock it reads itself.
func TestLeaseClock_onlookers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	node := openTicking(t, path, still("boot", 1_000_000))
	if _, err := node.join(t.Context()); err != nil {
		t.Fatal(err)
	}
	boot, anchor := node.storedClock(t)
	for _, clock := range []sqlitedb.Ticks{sqlitedb.WallTicks(), still("another", 5), still("boot+1000.0s", 1_001_000_000), still("boot", 1_000_000)} {
		looks := openTicking(t, path, clock)
		own, err := looks.OwnClock(t.Context())
		if now := looks.ask(t, looks.Dialect().Now()); time.Since(now).Abs() > time.Minute || err != nil || own != (clock.Boot == "boot") {
			t.Errorf("to an onlooker with the clock %q it is %s (own clock: %t, err %v)", clock.Boot, now, own, err)
		}
	}
	if b, a := node.storedClock(t); b != boot || a != anchor {
		t.Errorf("the clock is now that of %s at %d, want %s at %d", b, a, boot, anchor)
	}
}

// TestJoinClock_reboot starts the machine again, with a wall clock that has been set back: the
// leases from before end, and the clock is the wall's, whatever is stored in any row.
func TestJoinClock_reboot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	before := openTicking(t, path, still("first", 0))
	if _, err := before.join(t.Context()); err != nil {
		t.Fatal(err)
	}
	before.enter(t, "a", "active", time.Now().Add(time.Hour), 5*time.Second)
	before.enter(t, "bad", "active", time.Date(2083, 1, 1, 0, 0, 0, 0, time.UTC), 5*time.Second)
	for range 2 { // the second finds it done
		after := openTicking(t, path, still("second", 5_000_000))
		if _, err := after.join(t.Context()); err != nil {
			t.Fatal(err)
		}
		boot, anchor := after.storedClock(t)
		if off := time.Since(time.UnixMicro(anchor + 5_000_000)); boot != "second" || off.Abs() > time.Minute {
			t.Errorf("after a start of the machine the clock is that of %s, %s off", boot, off)
		}
		var alive int
		if err := after.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM nodes WHERE expires_at > `+after.Dialect().Now()).Scan(&alive); err != nil || alive != 0 {
			t.Errorf("%d nodes from before the start of the machine are alive, err %v", alive, err)
		}
	}
	if err := before.QueryRowContext(t.Context(), `SELECT `+before.Dialect().Now()).Scan(new(string)); err == nil || !strings.Contains(err.Error(), "another clock") {
		t.Errorf("a process that holds leases by the clock before goes on: err %v", err)
	}
}

// TestJoinClock_others: while a node lives that goes by another clock of this machine, none may
// join; when it has not moved for as long as its lease lasts, its lease ends.
func TestJoinClock_others(t *testing.T) {
	for name, c := range map[string]struct{ theirs, mine, says string }{
		"they read a boot id":       {"boot", sqlitedb.WallBoot, "by the clock of boot boot, and this process has the wall clock"},
		"I read a boot id":          {sqlitedb.WallBoot, "boot", "by the wall clock, since no boot id could be read"},
		"in another time namespace": {"boot", "boot+1000.0s", "in a time namespace that is 1000.0s off"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "test.db")
			theirs, mine := openTicking(t, path, still(c.theirs, 0)), openTicking(t, path, still(c.mine, 7))
			if _, err := theirs.join(t.Context()); err != nil {
				t.Fatal(err)
			}
			boot, anchor := theirs.storedClock(t)
			theirs.enter(t, "alive", "active", time.Now(), time.Minute)
			theirs.enter(t, "gone", "stopped", time.Now(), time.Hour)
			var told string
			err := mine.JoinClock(t.Context(), func(note string) {
				told += note
				if strings.Contains(note, "sign of life") { // it is being watched: it shows one
					if _, err := theirs.write.ExecContext(t.Context(), `UPDATE nodes SET heartbeat_at = '2026-01-01T00:00:00.000000' WHERE node = 'alive'`); err != nil {
						t.Error(err)
					}
				}
			})
			if !errors.Is(err, sqlitedb.ErrOtherClock) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "alive (process 7 on h)") {
				t.Errorf("told %q, err %v; want ErrOtherClock, the node, and %q", told, err, c.says)
			}
			if b, a := theirs.storedClock(t); b != boot || a != anchor {
				t.Errorf("the clock was moved from %s at %d to %s at %d", boot, anchor, b, a)
			}

			// Now it has died: its lease of some milliseconds passes without a sign of life.
			if _, err := theirs.write.ExecContext(t.Context(), `UPDATE nodes SET expires_at = '2026-01-01T00:00:00.040000' WHERE node = 'alive'`); err != nil {
				t.Fatal(err)
			}
			if _, err := mine.join(t.Context()); err != nil {
				t.Fatal(err)
			}
			if b, _ := mine.storedClock(t); b != c.mine {
				t.Errorf("the clock is that of %s, want %s", b, c.mine)
			}
		})
	}
}

// TestJoinClock_together: of several that find a dead node's clock, the first takes it and the
// others join, though it shows signs of life by then.
func TestJoinClock_together(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	dead := openTicking(t, path, sqlitedb.WallTicks())
	if _, err := dead.join(t.Context()); err != nil {
		t.Fatal(err)
	}
	dead.enter(t, "dead", "active", time.Now(), 300*time.Millisecond)
	first, second := openTicking(t, path, still("boot", 7)), openTicking(t, path, still("boot", 7))
	err := second.JoinClock(t.Context(), func(string) {
		if _, err := dead.write.ExecContext(t.Context(), `UPDATE nodes SET state = 'lost'`); err != nil {
			t.Error(err)
		}
		if _, err := first.join(t.Context()); err != nil {
			t.Error(err)
		}
		first.enter(t, "first", "active", time.Now(), time.Second)
	})
	if err != nil {
		t.Error(err)
	}
}

func TestJoinClock_wall(t *testing.T) {
	db := openTicking(t, filepath.Join(t.TempDir(), "test.db"), sqlitedb.WallTicks())
	db.enter(t, "bad", "active", time.Date(2083, 1, 1, 0, 0, 0, 0, time.UTC), time.Hour)
	told, err := db.join(t.Context())
	if err != nil || !strings.Contains(told, "wall clock") {
		t.Errorf("told %q, err %v; want a warning", told, err)
	}
	if now := db.ask(t, db.Dialect().Now()); time.Since(now).Abs() > time.Minute {
		t.Errorf("the wall clock says %s", now)
	}
}

// TestLeaseClock_whose: who looks knows by whose clock leases are judged.
func TestLeaseClock_whose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	node := openTicking(t, path, still("boot", 1_000_000))
	whose := func(db *DB) (clock int) {
		t.Helper()
		if err := db.QueryRowContext(t.Context(), `SELECT `+db.Dialect().WhoseClock()).Scan(&clock); err != nil {
			t.Fatal(err)
		}
		return clock
	}
	if clock := whose(node); clock != NobodysClock {
		t.Errorf("before any node has joined it is %d, want nobody's", clock)
	}
	if _, err := node.join(t.Context()); err != nil {
		t.Fatal(err)
	}
	for boot, want := range map[string]int{
		"boot": OwnClock, "boot+1000.0s": OthersClock, sqlitedb.WallBoot: OthersClock, "another": NobodysClock, "another+5.0s": NobodysClock, "it's": NobodysClock,
	} {
		if clock := whose(openTicking(t, path, still(boot, 5))); clock != want {
			t.Errorf("to an onlooker with the clock %q it is %d, want %d", boot, clock, want)
		}
	}
}

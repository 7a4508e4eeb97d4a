package node

import (
	"errors"
	"strings"
	"testing"
	"time"

	"orderflow/schema/schematest"
)

// TestTroubles: what keeps a node's database from being written is said, also where no alarm can be stored.
func TestTroubles(t *testing.T) {
	db, done := schematest.SQLite(t), make(chan struct{})
	close(done)
	own := troubles{db: db, gate: &gate{why: errors.New("the end is lost")}, heart: &pulse{part: "the heartbeat", err: errors.New("disk full")}, probe: &probe{last: &probed{begun: time.Now(), done: done, err: errors.New("no room")}}}
	got := strings.Join(own.all(), "; ")
	for _, want := range []string{"the end is lost", "disk full", "no room"} {
		if !strings.Contains(got, want) {
			t.Errorf("told is %q, and not %q", got, want)
		}
	}
	own = troubles{db: db, gate: &gate{}, heart: &pulse{}, probe: &probe{last: &probed{begun: time.Now().Add(-time.Hour), done: done, err: errors.New("no room")}}}
	if got := own.all(); len(got) > 0 {
		t.Errorf("of a node that is well is told %q", got)
	}
	for k, want := range map[disk]bool{{free: 0, total: 100 << 30}: true, {free: 1 << 30, total: 100 << 30}: false, {free: 8 << 20, total: 64 << 20}: false} {
		if (k.full("x.db") != nil) != want {
			t.Errorf("a disk with %d of %d bytes left is full: %v", k.free, k.total, !want)
		}
	}
}

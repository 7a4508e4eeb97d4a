package schedule

import (
	"reflect"
	"testing"
	"time"
)

func options(n int) Config {
	return Config{Faults: n, Nodes: 5, Shares: SQLite(true), Points: []string{"a", "b", "c"}, Lease: 2 * time.Second, Gap: time.Second}
}

func TestNew_seed(t *testing.T) {
	if a, b := New(7, options(300)), New(7, options(300)); !reflect.DeepEqual(a, b) {
		t.Error("the same seed gives two schedules")
	}
	if a, b := New(7, options(300)), New(8, options(300)); reflect.DeepEqual(a, b) {
		t.Error("two seeds give the same schedule")
	}
	short, long := New(7, options(10)), New(7, options(20))
	if !reflect.DeepEqual(short, long[:10]) {
		t.Error("a longer schedule does not begin with the shorter one")
	}
}

func TestNew_shares(t *testing.T) {
	kinds, points, longer := map[Kind]int{}, map[string]int{}, 0
	for _, f := range New(1, options(2000)) {
		kinds[f.Kind]++
		if f.Kind == Crash {
			points[f.Point]++
		}
		if f.Kind == Pause && f.For > 2*time.Second {
			longer++
		}
		if f.Node < 0 || f.Node >= 5 || f.After < 500*time.Millisecond || f.After > 1500*time.Millisecond {
			t.Fatalf("out of range: %+v", f)
		}
	}
	for k, share := range SQLite(true) {
		if kinds[k] < share*10 || kinds[k] > share*30 {
			t.Errorf("%d of 2000 are %s, whose share is %d in 100", kinds[k], k, share)
		}
	}
	if kinds[Cut] > 0 {
		t.Error("SQLite has no connections to cut")
	}
	if len(points) != 3 || longer < kinds[Pause]/2 {
		t.Errorf("points %v; %d of %d pauses outlast the lease", points, longer, kinds[Pause])
	}
}

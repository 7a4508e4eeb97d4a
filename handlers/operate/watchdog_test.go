package operate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"orderflow/domain/work"
)

// kept is a log of alarms in memory.
type kept struct {
	watch work.Watch
	other bool // another node is faster
	all   []work.Alarm
}

func (k *kept) Watch(context.Context) (work.Watch, error) {
	w := k.watch
	w.Open = slices.DeleteFunc(slices.Clone(k.all), func(a work.Alarm) bool { return !a.ClearedAt.IsZero() })
	return w, nil
}

func (k *kept) Record(_ context.Context, r work.WatchRound) (bool, error) {
	if k.other || r.After != k.watch.Round {
		return false, nil
	}
	if k.watch.Round, k.watch.Notes = k.watch.Round+1, r.Notes; r.Succeeded {
		k.watch.Succeeded = r.At
	}
	for i := range k.all {
		for _, c := range slices.Concat(r.Changed, r.Cleared) {
			if c.ID == k.all[i].ID {
				k.all[i] = c
			}
		}
	}
	k.all = append(k.all, r.Raised...)
	return true, nil
}

// bed is a watchdog with one look, which the test steers.
type bed struct {
	Watchdog
	*kept
	t     *testing.T
	finds []Finding
	fails error // of the one look
	err   error // of the round
	told  []string
}

func newBed(t *testing.T) *bed {
	b := &bed{t: t, kept: &kept{watch: work.Watch{Now: time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC), Notes: `{}`}}}
	b.Watchdog = Watchdog{
		Rounds: b.kept, Patience: time.Minute, Limit: time.Hour,
		Looks: []Look{{"all", []work.AlarmCode{RoleMissing, LogLost, OrderStuck}, func(context.Context, Now) ([]Finding, error) { return b.finds, b.fails }}},
		Tell:  func(a work.Alarm) { b.told = append(b.told, fmt.Sprintf("%s %s %s", a.State(), a.Code, a.Subject)) },
	}
	return b
}

// round does one round a quarter of a minute after the last, and says what was told.
func (b *bed) round(finds ...Finding) string {
	b.t.Helper()
	b.finds, b.told, b.watch.Now = finds, nil, b.watch.Now.Add(15*time.Second)
	if _, recorded, err := b.Round(b.t.Context()); recorded == b.other || !errors.Is(err, b.err) {
		b.t.Error(err)
	}
	return strings.Join(b.told, ", ")
}

var missing, lost = Findingf(RoleMissing, "worker", "nobody works"), Findingf(LogLost, "partition 1", "cut")

// TestWatchdog_flaps: an alarm is raised once and cleared once, after two rounds that do not find it.
func TestWatchdog_flaps(t *testing.T) {
	b := newBed(t)
	for i, c := range []struct {
		finds []Finding
		want  string
	}{
		{nil, ""},
		{[]Finding{missing, missing}, "raised role_missing worker"},
		{[]Finding{missing}, ""},
		{nil, ""},
		{[]Finding{missing}, ""},
		{nil, ""},
		{nil, "cleared role_missing worker"},
		{nil, ""},
		{[]Finding{missing}, "raised role_missing worker"},
	} {
		if got := b.round(c.finds...); got != c.want {
			t.Errorf("round %d: told %q, want %q", i, got, c.want)
		}
	}
	if len(b.all) != 2 || b.all[0].ID == b.all[1].ID || b.all[0].ClearedAt.IsZero() || b.all[0].RaisedAt.After(b.all[0].ClearedAt) {
		t.Errorf("there are %+v", b.all)
	}
}

// TestWatchdog_stays: what tells what happened stays until somebody has seen it.
func TestWatchdog_stays(t *testing.T) {
	b := newBed(t)
	if got := b.round(lost); got != "raised log_lost partition 1" {
		t.Errorf("told %q", got)
	}
	for range 5 {
		if got := b.round(); got != "" {
			t.Errorf("told %q", got)
		}
	}
	b.all[0].AcknowledgedAt = b.watch.Now
	if got := b.round() + b.round(); got != "cleared log_lost partition 1" {
		t.Errorf("after it was acknowledged, told %q", got)
	}
}

// TestWatchdog_fails: what cannot be looked at is neither raised nor cleared; after a while that is an alarm, and it is
// cleared when rounds succeed.
func TestWatchdog_fails(t *testing.T) {
	b := newBed(t)
	b.round(missing)
	b.fails = errors.New("broken off")
	b.err = b.fails
	for i := 1; i <= 6; i++ {
		want := ""
		if i == 5 { // a minute has passed
			want = "raised watchdog_failing rounds"
		}
		if got := b.round(lost); got != want {
			t.Errorf("failing round %d: told %q, want %q", i, got, want)
		}
	}
	state := func() WatchdogState {
		w, err := b.Watch(t.Context())
		if err != nil {
			t.Error(err)
		}
		return stateOf(w)
	}
	if s := state(); !s.Late || s.Rounds != 7 || *s.AgeSeconds != 90 {
		t.Errorf("after six rounds that failed, the watchdog is %+v", s)
	}
	if what := b.all[1].What; !strings.Contains(what, "look at all: broken off") {
		t.Errorf("it says %q", what)
	}
	b.fails, b.err = nil, nil
	if got := b.round() + b.round(); got != "cleared role_missing worker, cleared watchdog_failing rounds" &&
		got != "cleared watchdog_failing rounds, cleared role_missing worker" {
		t.Errorf("told %q, want both cleared", got)
	}
	if s := state(); s.Late || *s.AgeSeconds != 0 {
		t.Errorf("when rounds succeed, the watchdog is %+v", s)
	}
	if s := stateOf(work.Watch{Notes: `{}`}); s.Late || s.AgeSeconds != nil {
		t.Errorf("before the first round, the watchdog is %+v", s)
	}
}

// TestWatchdog_otherNode: a round that another node was faster with changes and tells nothing.
func TestWatchdog_otherNode(t *testing.T) {
	b := newBed(t)
	b.other = true
	if got := b.round(missing); got != "" || len(b.all) > 0 {
		t.Errorf("told %q, raised %v", got, b.all)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b.other = false
	if _, recorded, err := b.Round(ctx); recorded || !errors.Is(err, context.Canceled) || len(b.all) > 0 {
		t.Errorf("a round under a duty that has ended: err %v, raised %v", err, b.all)
	}
}

// TestWatchdog_hangs: a look that waits for something keeps the others from nothing.
func TestWatchdog_hangs(t *testing.T) {
	b := newBed(t)
	hangs := func(ctx context.Context, _ Now) ([]Finding, error) { <-ctx.Done(); return nil, ctx.Err() }
	b.Looks = append([]Look{{"hanging", []work.AlarmCode{DeadLetters}, hangs}}, b.Looks...)
	b.Limit, b.err = time.Millisecond, context.DeadlineExceeded
	if got := b.round(missing); got != "raised role_missing worker" {
		t.Errorf("told %q", got)
	}
}

// TestWatchdog_many: however much is found, so many alarms are open, and one that says that there is more. It stays while
// the others do.
func TestWatchdog_many(t *testing.T) {
	b := newBed(t)
	var all []Finding
	for i := range 3 * mostOpen {
		all = append(all, Findingf(OrderStuck, fmt.Sprint("order ", i), "%s", strings.Repeat("x", 3*mostWhat)))
	}
	if got := b.round(all...); strings.Count(got, "raised") != mostOpen+1 || !strings.Contains(got, string(OrderStuck)+" "+Others) {
		t.Errorf("told %q", got)
	}
	if n := len(b.all[0].What); n > mostWhat+3 {
		t.Errorf("it says what is wrong in %d bytes", n)
	}
	b.round(all[:1]...)
	if got := b.round(all[:1]...); strings.Count(got, "cleared") != mostOpen-1 || strings.Contains(got, Others) {
		t.Errorf("told %q, want all cleared but one and that there are more", got)
	}
	b.round()
	if b.round(); b.all[0].ClearedAt.IsZero() {
		t.Error("the last one is still open")
	}
	if got := b.round() + b.round(); got != "cleared order_stuck others" {
		t.Errorf("told %q", got)
	}
}

package node

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sirupsen/logrus/hooks/test"

	"orderflow/domain/work"
	"orderflow/schema"
	"orderflow/schema/schematest"
	"orderflow/transport/messaging/inflight"
)

// dutyOf is a duty as a node does it that is registered.
func dutyOf(t *testing.T, db *schema.DB, name string, do func(context.Context) error) (d *duty, resting *bool, end func()) {
	t.Helper()
	epoch, err := inflight.NewNodes(db).Register(t.Context(), work.Node{Node: name}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	log, _ := test.NewNullLogger()
	resting = new(bool)
	return &duty{
		name: "d", duties: inflight.NewDuties(db), do: do, rests: func() bool { return *resting }, log: log.WithField("node", name),
		tenure: func() (work.Tenure, bool) {
			return work.Tenure{Registration: work.Registration{Node: name, Epoch: epoch}, Context: ctx}, true
		},
	}, resting, end
}

// TestDuty: one node works, until it rests; then the other one does. The work ends with the tenure.
func TestDuty(t *testing.T) {
	db := schematest.SQLite(t)
	var passes []string
	notes := func(name string) func(context.Context) error {
		return func(context.Context) error { passes = append(passes, name); return nil }
	}
	one, resting, _ := dutyOf(t, db, "one", notes("one"))
	two, _, endTwo := dutyOf(t, db, "two", notes("two"))
	wants := func(what, want string) {
		t.Helper()
		passes = nil
		one.turn(t.Context())
		two.turn(t.Context())
		if len(passes) != 1 || passes[0] != want {
			t.Errorf("%s: passes of %v, want one of %v", what, passes, want)
		}
	}
	wants("both are there", "one")
	wants("a second time", "one")
	*resting = true
	wants("the first rests", "two")
	*resting = false
	wants("the first works again", "two")

	var cause error
	two.do = func(ctx context.Context) error {
		endTwo()
		<-ctx.Done()
		cause = context.Cause(ctx)
		return cause
	}
	if err := two.pass(t.Context()); err != nil || !errors.Is(cause, context.Canceled) {
		t.Errorf("at the end of the tenure the work's context ends with %v, and it counts as failed: %v", cause, err)
	}
}

// TestDuty_fails: an error is logged once, until it goes well again.
func TestDuty_fails(t *testing.T) {
	broken := errors.New("broken")
	d, _, _ := dutyOf(t, schematest.SQLite(t), "one", func(context.Context) error { return broken })
	log, hook := test.NewNullLogger()
	d.log = log.WithField("node", "one")
	for range 2 {
		d.turn(t.Context())
	}
	if n := len(hook.AllEntries()); n != 1 {
		t.Errorf("two turns that failed are logged in %d lines, want 1", n)
	}
	broken = nil
	d.turn(t.Context())
	broken = errors.New("again")
	d.turn(t.Context())
	if n := len(hook.AllEntries()); n != 2 {
		t.Errorf("what failed anew is logged in %d lines, want 2", n)
	}
}

// TestDuty_restsAfterAFailure: a node that rests gives a duty up, also if its last turn, or giving it up, failed.
func TestDuty_restsAfterAFailure(t *testing.T) {
	for name, restsBefore := range map[string]bool{"its last turn": false, "giving it up": true} {
		db, passes := schematest.SQLite(t), 0
		one, resting, _ := dutyOf(t, db, "one", func(context.Context) error { return nil })
		two, _, _ := dutyOf(t, db, "two", func(context.Context) error { passes++; return nil })
		one.turn(t.Context())
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		*resting = restsBefore
		if err := one.pass(gone); err == nil {
			t.Errorf("%s: no error", name)
		}
		*resting = true
		one.turn(t.Context())
		two.turn(t.Context())
		if passes != 1 {
			t.Errorf("after %s failed the duty stays with a node that rests", name)
		}
	}
}

// TestDuty_first: the first turn comes when the node is registered, however long after it the second comes.
func TestDuty_first(t *testing.T) {
	did := make(chan struct{}, 1)
	d, _, _ := dutyOf(t, schematest.SQLite(t), "one", func(context.Context) error { did <- struct{}{}; return nil })
	is, looks := d.tenure, 0
	d.tenure = func() (work.Tenure, bool) {
		if looks++; looks < 3 {
			return work.Tenure{}, false
		}
		return is()
	}
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.each(time.Millisecond, time.Hour)(ctx) }()
	select {
	case <-did:
	case <-time.After(30 * time.Second):
		t.Error("no turn")
	}
	end()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestRests: who drains gives its duties up; who is cordoned begins no steps, and goes on to look.
func TestRests(t *testing.T) {
	for state, want := range map[string]bool{work.NodeActive: false, work.NodeCordoned: false, work.NodeDraining: true, work.NodeStopped: true} {
		if rests(state) != want {
			t.Errorf("a node that is %s rests: %v", state, !want)
		}
	}
}

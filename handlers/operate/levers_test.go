package operate

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"orderflow/domain"
	"orderflow/domain/work"
)

// fake keeps controls and operations, and has one node under its second registration.
type fake struct {
	controls work.Controls
	ops      []work.Operation
	older    bool // the node, and another one, run the program of before there were controls
}

func (f *fake) Read(context.Context) (work.Controls, error) { return f.controls, nil }

func (f *fake) Set(_ context.Context, c work.Control, op work.Operation) (bool, error) {
	f.controls, f.ops = append(f.controls, c), append(f.ops, op)
	return true, nil
}

func (f *fake) Clear(context.Context, string, string, work.Operation) (bool, error) {
	return len(f.controls) > 0, nil
}

func (f *fake) List(context.Context) ([]work.Node, error) {
	level, all := heedsFrom, []work.Node{{Node: "w1", Epoch: 1, Expired: true}, {Node: "gone", Epoch: 1, Expired: true}}
	if f.older {
		level, all = heedsFrom-1, append(all, work.Node{Node: "v9", Epoch: 1, EventLevel: 1})
	}
	return append(all, work.Node{Node: "w1", Epoch: 2, State: work.NodeActive, EventLevel: level}), nil
}

// TestLevers_registration: what is for one registration names the live one; a cordon names none.
func TestLevers_registration(t *testing.T) {
	f := &fake{}
	l, by := Levers{Controls: f, Nodes: f}, By{Actor: "operator:ann", Reason: "a test", About: map[string]string{"run_by": "ann"}}
	drain := func() (Done, error) { return l.Drain(t.Context(), "w1", by) }
	stop := func() (Done, error) { return l.Stop(t.Context(), "w1", by) }
	level := func() (Done, error) { return l.SetLogLevel(t.Context(), "w1", "debug", by) }
	cordon := func() (Done, error) { return l.Cordon(t.Context(), "w1", by) }
	for i, pull := range []func() (Done, error){drain, stop, level, cordon} {
		done, err := pull()
		c := f.controls[i]
		if want := map[bool]int64{true: 2}[i < 3]; err != nil || !done.Changed || done.Epoch != want || c.Epoch != want || c.Name != "w1" || c.Reason != by.Reason || c.Actor != by.Actor || c.SetAt.IsZero() {
			t.Errorf("lever %d: %+v, err %v, control %+v", i, done, err, c)
		}
		if op := f.ops[i]; op.ID.IsZero() || op.Subject != "w1" || op.Actor != by.Actor || op.Result != done.Now || string(op.Details) != `{"run_by":"ann"}` {
			t.Errorf("recorded %+v", op)
		}
	}
	all := f.controls
	for of, want := range map[work.Registration]bool{{Node: "w1", Epoch: 2}: true, {Node: "w1", Epoch: 3}: false, {Node: "w2", Epoch: 2}: false} {
		if got := all.Ending(of) != nil; got != want || (all.LogLevel(of) != nil) != want {
			t.Errorf("%+v is to end: %v, want %v", of, got, want)
		}
	}
	if all.Cordoned("w1") == nil || all.Cordoned("w2") != nil {
		t.Errorf("cordoned: %+v", all)
	}
}

// TestLevers_noNode: who misspells a node is told which there are, and nothing is done.
func TestLevers_noNode(t *testing.T) {
	f := &fake{}
	l, by := Levers{Controls: f, Nodes: f}, By{Actor: "operator", Reason: "a test"}
	cordon := func(ctx context.Context, name string, by By) (Done, error) {
		return l.Cordon(ctx, "x"+name, by) // of which there is no registration at all
	}
	for _, pull := range []func(context.Context, string, By) (Done, error){l.Drain, l.Stop, cordon, l.Uncordon} {
		_, err := pull(t.Context(), "gone", by)
		var no *NoNodeError
		if !errors.Is(err, domain.ErrNotFound) || !errors.As(err, &no) || strings.Join(no.Live, " ") != "w1" {
			t.Errorf("err = %v", err)
		}
	}
	if len(f.controls)+len(f.ops) > 0 {
		t.Errorf("done: %+v, %+v", f.controls, f.ops)
	}
	// One that is frozen or lost can be cordoned before it is back.
	if done, err := l.Cordon(t.Context(), "gone", by); err != nil || !done.Changed || !strings.Contains(done.Now, "not alive") || len(f.controls) != 1 {
		t.Errorf("told %+v, err %v", done, err)
	}
	// A cordon outlives its node, and can be taken back.
	f.controls = work.Controls{{Kind: work.ControlNode, Name: "gone", Value: work.ControlCordoned}}
	if done, err := l.Uncordon(t.Context(), "gone", by); err != nil || !done.Changed {
		t.Errorf("told %+v, err %v", done, err)
	}
}

// TestLevers_olderNode: a node whose program knows no controls is not told to have done what it never reads, and whose
// steps go on under a pause is said.
func TestLevers_olderNode(t *testing.T) {
	f := &fake{older: true}
	l, by := Levers{Controls: f, Nodes: f}, By{Actor: "operator", Reason: "a test"}
	level := func(ctx context.Context, name string, by By) (Done, error) {
		return l.SetLogLevel(ctx, name, "debug", by)
	}
	for i, pull := range []func(context.Context, string, By) (Done, error){l.Drain, l.Stop, l.Cordon, level} {
		_, err := pull(t.Context(), "w1", by)
		var named interface{ Cause() string }
		if !errors.Is(err, domain.ErrUnavailable) || !errors.As(err, &named) || !strings.Contains(named.Cause(), "w1") {
			t.Errorf("lever %d: %v", i, err)
		}
	}
	if len(f.controls)+len(f.ops) > 0 {
		t.Errorf("done: %+v, %+v", f.controls, f.ops)
	}
	done, err := l.Pause(t.Context(), domain.Processing, by)
	if err != nil || strings.Join(done.Older, " ") != "v9 w1" || !strings.HasSuffix(done.Now, "an older program still begin it: v9, w1") || f.ops[0].Result != done.Now {
		t.Errorf("paused beside older nodes: %+v, err %v, recorded %+v", done, err, f.ops)
	}
	f.older = false
	if done, err := l.Pause(t.Context(), domain.Processing, by); err != nil || done.Older != nil || strings.Contains(done.Now, "older") {
		t.Errorf("paused where no node is older: %+v, err %v", done, err)
	}
}

// TestControls_PauseOf: only the topic of a paused step waits, and never a rollback.
func TestControls_PauseOf(t *testing.T) {
	all := work.Controls{pause(domain.PreProcessing), {Kind: work.ControlStep, Name: "Rollback", Value: work.ControlPaused}}
	for _, topic := range work.Topics() {
		if got, want := all.PauseOf(topic) != nil, topic == "pre-processing"; got != want {
			t.Errorf("%s is paused: %v, want %v", topic, got, want)
		}
	}
}

func TestBy_Check(t *testing.T) {
	for reason, want := range map[string]bool{"": false, "   ": false, "x": true, strings.Repeat("x", 1000): true, strings.Repeat("ü", 501): false, "\xff": false} {
		if err := (By{Actor: "operator", Reason: reason}).Check(); (err == nil) != want || err != nil && !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%d bytes: %v", len(reason), err)
		}
	}
	op, err := By{Actor: "operator", Reason: "x"}.Operation("a", "s", "r")
	if err != nil || !json.Valid(op.Details) || string(op.Details) != `{}` {
		t.Errorf("%+v, err %v", op, err)
	}
}

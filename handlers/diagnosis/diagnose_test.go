package diagnosis

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
)

// TestDiagnose has each reason alone, and says what is told of it.
func TestDiagnose(t *testing.T) {
	verdicts := map[Reason]Verdict{
		UnknownOrder: Unknown, ChainBroken: Inconsistent, IllegalHistory: Inconsistent, HasEnded: Ended, IsParked: Blocked,
		CancelRequested: Waiting, StepPaused: Blocked, NoWorkerAlive: Blocked, AllNodesDraining: Blocked, OwnerLost: Waiting, OwnerSilent: Waiting, RollingBack: Progressing,
		CompensationFailing: Waiting, RetryScheduled: Waiting, RunningSlow: Progressing, Running: Progressing, WaitingForSlot: WaitingForCapacity,
		MessageMissing: Inconsistent, JustPlaced: Progressing, NotRead: Unknown,
	}
	all := scenarios(t)
	for _, reason := range Reasons() {
		if reason == ViewBehind { // the order of such a view is somewhere too: see TestDiagnose_view
			continue
		}
		t.Run(string(reason), func(t *testing.T) {
			f, known := all[reason]
			if !known {
				t.Fatal("there is no case of it")
			}
			a := Diagnose(*f)
			others := []Reason{}
			if reason == ChainBroken || reason == IllegalHistory { // which keeps no node from working
				others = append(others, Running)
			}
			if reason == CancelRequested { // which waits for the step
				others = append(others, Running)
			}
			if a.Reason != reason || a.Verdict != verdicts[reason] || !slices.Equal(a.Others, others) {
				t.Errorf("%s (%s), others %v; want %s, %s, others %v", a.Verdict, a.Reason, a.Others, verdicts[reason], reason, others)
			}
			if a.Summary == "" || a.Next.What == "" || a.AsOf != now || a.OrderID != anID {
				t.Errorf("it is said too little: %+v", a)
			}
			blocked := a.Verdict == Blocked || a.Verdict == Inconsistent || a.Verdict == Unknown
			if blocked && len(a.Actions) == 0 {
				t.Error("nothing can be done")
			}
			text, err := json.Marshal(a)
			if err != nil || strings.Contains(string(text), "null") {
				t.Errorf("as JSON it is %s, err %v", text, err)
			}
		})
	}
}

// TestDiagnose_said looks at what an operator needs of each answer: since when, evidence, what is next.
func TestDiagnose_said(t *testing.T) {
	all := scenarios(t)
	free := facts(t, time.Minute, started(interrupted1)...).heldBy("", 3)
	absent := facts(t, time.Minute, started()...).heldBy("w9", 1)
	all["free and due"], all["its registration is missing"] = free, absent
	all["cordoned"] = facts(t, time.Minute, place1...).queued().node(func(n *work.Node) { n.State = work.NodeCordoned })
	all["at once"] = facts(t, time.Minute, started(domain.Cancel{Reason: "unwanted", Now: true})...).heldBy("w1", 1)
	all["cancelled"] = facts(t, time.Minute, domain.Place{}, domain.Cancel{Reason: "unwanted"})
	all["rolls back for it"] = facts(t, time.Minute, started(completed1, domain.Cancel{Reason: "unwanted"})...).heldBy("w1", 1)
	all["to be failed"] = facts(t, time.Minute, started(interrupted1, domain.Park{Reason: "p"}, domain.Fail{Reason: "hopeless"})...).heldBy("w1", 1)
	for reason, c := range map[Reason]struct {
		since time.Duration // before now
		says  []string      // in the JSON
	}{
		HasEnded:      {time.Minute, []string{"Completed"}},
		IsParked:      {time.Minute, []string{`"letter":"workers:scheduling/3/101"`, "deadletters requeue workers:scheduling/3/101 --reason WHY", `"last_error":"interrupted 3 times"`}},
		NoWorkerAlive: {time.Minute, []string{`"message":"workers:scheduling/3/101"`, `"workers":{"nodes":0,`, "serve --roles worker"}},
		CancelRequested: {time.Minute, []string{
			"it is to be cancelled (unwanted), and node w1 has Scheduling in hand, attempt 1", "the step ends, or is interrupted", "then what was done is rolled back",
			"orders cancel --now 01000000-0000-0000-0000-000000000007 --reason WHY",
		}},
		"at once":           {time.Minute, []string{`"reason":"cancel_requested"`, "the node cuts the step short with its next heartbeat", `"actions":[]`}},
		"cancelled":         {time.Minute, []string{`"reason":"ended"`, "it has ended, Cancelled: unwanted", "orders retry 01000000-0000-0000-0000-000000000007 --reason WHY"}},
		"to be failed":      {time.Minute, []string{`"reason":"rolling_back"`, "rolling back Scheduling: hopeless", "the order ends, Failed"}},
		"rolls back for it": {time.Minute, []string{`"reason":"rolling_back"`, "rolling back Scheduling: unwanted", "the order ends, Cancelled"}},
		StepPaused: {10 * time.Second, []string{
			"Scheduling is paused, by operator:ann: the press is hot", "steps resume Scheduling --reason WHY",
			`"pause":{"step":"Scheduling","actor":"operator:ann","reason":"the press is hot","since":"2026-01-31T11:59:50Z"}`,
		}},
		AllNodesDraining:              {time.Minute, []string{`"draining":1,"slots":0`}},
		OwnerLost:                     {3 * time.Second, []string{"lease ended 3s ago", `"lease_left_seconds":-3`, `"node":"w0","epoch":4`}},
		OwnerSilent:                   {3 * time.Second, []string{"lease ends in 2s", `"lease_left_seconds":2`, `"not_before":"2026-01-31T12:00:02Z"`}},
		RollingBack:                   {time.Minute, []string{"rolling back Scheduling: no steel", `"last_error":"no steel"`}},
		CompensationFailing:           {time.Minute, []string{`"interruptions":1`, "the compensation of Scheduling"}},
		RetryScheduled:                {time.Minute, []string{"begins in 800ms", "step timed out after 60s", `"next_retry_at":"2026-01-31T12:00:00.8Z"`, `"not_before":"2026-01-31T12:00:00.8Z"`}},
		Running:                       {time.Minute, []string{"node w1 has Scheduling in hand, attempt 1", `"lease_left_seconds":4.5`, `"version":2,"partition":3,"position":102`}},
		WaitingForSlot:                {time.Minute, []string{"1 of 2 are busy"}},
		MessageMissing:                {time.Minute, []string{"workers:scheduling/3/101, caused by event 1, is nowhere"}},
		JustPlaced:                    {time.Second, []string{"written 1s ago"}},
		NotRead:                       {-1, []string{"nodes (another process holds rows locked)", `"could_not_be_read":[{"part":"nodes"`}},
		"cordoned":                    {time.Minute, []string{`"reason":"all_nodes_draining"`, "nodes uncordon w1 --reason WHY"}},
		"free and due":                {time.Minute, []string{`"reason":"waiting_for_slot"`}},
		"its registration is missing": {-1, []string{`"reason":"owner_lost"`, "frees the message"}},
	} {
		a := Diagnose(*all[reason])
		text, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range c.says {
			if !strings.Contains(string(text), want) {
				t.Errorf("%s does not say %s: %s", reason, want, text)
			}
		}
		if want := now.Add(-c.since); c.since >= 0 && !a.Since.Equal(want) || c.since < 0 && !a.Since.IsZero() {
			t.Errorf("%s since %s, want %s before %s", reason, a.Since, c.since, now)
		}
	}
}

// mods make one more reason true.
var mods = map[Reason]func(*Facts){
	ChainBroken:    func(f *Facts) { f.Faults = append(f.Faults, Fault{Chain: true, Version: 1, What: "a hole"}) },
	IllegalHistory: func(f *Facts) { f.Faults = append(f.Faults, Fault{Version: 1, What: "forbidden"}) },
	NoWorkerAlive:  func(f *Facts) { f.node(func(n *work.Node) { n.Roles = "projector" }) },
	AllNodesDraining: func(f *Facts) {
		f.node(func(n *work.Node) { n.State = work.NodeDraining })
	},
	ViewBehind: func(f *Facts) { f.View.Version = 0 },
	StepPaused: paused,
}

// TestDiagnose_precedence has two reasons be true at once: the one that comes first in the list is told, and the
// other one is among the others.
func TestDiagnose_precedence(t *testing.T) {
	// A node that has the order in hand is a live worker, and one that drains goes on with it, as does one whose step is
	// paused. Where none takes messages, none waits for a slot.
	held := []Reason{CancelRequested, OwnerSilent, RollingBack, CompensationFailing, RunningSlow, Running}
	for one, mod := range mods {
		for other := range scenarios(t) {
			aboutNodes := one == NoWorkerAlive || one == AllNodesDraining
			nobodyTakes := aboutNodes || one == StepPaused
			switch {
			case one == other, other == UnknownOrder, other == NotRead, other == JustPlaced && one != ChainBroken && one != IllegalHistory:
				continue
			case nobodyTakes && (slices.Contains(held, other) || slices.Contains([]Reason{ChainBroken, IllegalHistory, HasEnded, WaitingForSlot}, other)):
				continue
			case aboutNodes && (other == NoWorkerAlive || other == AllNodesDraining):
				continue
			}
			f := scenarios(t)[other]
			mod(f)
			want := []Reason{one, other}
			slices.SortFunc(want, byPrecedence)
			if other == ChainBroken || other == IllegalHistory || other == CancelRequested {
				want = slices.Insert(want, len(want)-1, Running)
				slices.SortFunc(want, byPrecedence)
			}
			if a := Diagnose(*f); !slices.Equal(append([]Reason{a.Reason}, a.Others...), want) {
				t.Errorf("%s and %s: %s, others %v; want %s in this order", one, other, a.Reason, a.Others, want)
			}
		}
	}
}

func byPrecedence(a, b Reason) int { return slices.Index(Reasons(), a) - slices.Index(Reasons(), b) }

// TestDiagnose_more are facts in which more than one reason is true by themselves, or none that first seems so.
func TestDiagnose_more(t *testing.T) {
	again := facts(t, time.Minute, started(interrupted1, domain.StartStep{Step: domain.Scheduling, Attempt: 2, Node: "w1"})...).heldBy("w1", 2)
	again.Holds[0].Lease.Interruptions = 1
	waits := scenarios(t)[RetryScheduled]
	waits.Holds[0].Lease.Interruptions = 1
	draining := facts(t, time.Minute, started()...).heldBy("w1", 1).node(func(n *work.Node) { n.State = work.NodeDraining })
	returned := facts(t, time.Minute, started(failed1)...).heldBy("", 2)
	returned.Holds[0].Lease.Interruptions, returned.Holds[0].AvailableAt = 1, now.Add(time.Second)
	lost := facts(t, time.Minute, started(failed1)...).heldBy("w1", 2).node(gone)
	lost.Holds[0].Lease.Interruptions = 1
	discarded := scenarios(t)[IsParked]
	discarded.Letter = nil
	given := facts(t, time.Minute, started()...)
	given.Letter = &Letter{Key: "workers:scheduling/3/101", Reason: "corrupt", ParkedAt: now}
	old := facts(t, time.Minute, started(completed1)...).heldBy("w1", 1)
	old.Holds[0].Lease.Topic, old.Holds[0].Lease.Position = "scheduling", 101
	busy := facts(t, time.Second, place1...).queued().node(func(n *work.Node) { n.Busy = 2 })
	next := facts(t, time.Second, started(completed1)...).queued()
	next.View.Version = 0
	view := facts(t, 0)
	view.View.Version = 7
	newer := facts(t, time.Minute, started()...).heldBy("w1", 1)
	newer.Events[1].Event, newer.Gaps = nil, []Gap{{PartForms, "newer"}}
	stopped := facts(t, time.Minute, started()...).heldBy("w1", 1).node(func(n *work.Node) { n.State = work.NodeStopped })
	pausedRuns, pausedLost := facts(t, time.Minute, started()...).heldBy("w1", 1), facts(t, time.Minute, started()...).heldBy("w9", 1)
	paused(pausedRuns)
	paused(pausedLost)
	for _, c := range []struct {
		name    string
		f       *Facts
		verdict Verdict
		reasons []Reason
	}{
		{"the second attempt of a step", again, Progressing, []Reason{Running}},
		{"a step that was interrupted waits for its second attempt", waits, Waiting, []Reason{RetryScheduled}},
		{"its step was paused while it ran", pausedRuns, Progressing, []Reason{Running}},
		{"its step was paused, and the node that had it is lost", pausedLost, Blocked, []Reason{StepPaused, OwnerLost}},
		{"held by a node that drains", draining, Progressing, []Reason{Running}},
		{"a compensation that was given back", returned, Waiting, []Reason{CompensationFailing, RetryScheduled}},
		{"the node of a compensation is lost, and no other is there", lost, Blocked, []Reason{NoWorkerAlive, OwnerLost, CompensationFailing}},
		{"the letter of a parked order was removed", discarded, Blocked, []Reason{IsParked, MessageMissing}},
		{"a letter of an order that is not parked", given, Blocked, []Reason{IsParked}},
		{"the row of a message that was dealt with", old, Inconsistent, []Reason{MessageMissing}},
		{"placed a moment ago, all workers busy", busy, WaitingForCapacity, []Reason{WaitingForSlot}},
		{"placed by a node whose clock is an hour ahead", facts(t, -time.Hour, place1...).queued(), WaitingForCapacity, []Reason{WaitingForSlot}},
		{"the next step was queued a moment ago, and no projector runs", next, Waiting, []Reason{ViewBehind, JustPlaced}},
		{"lists have an order that the log has not", view, Inconsistent, []Reason{UnknownOrder}},
		{"events that only newer programs read", newer, Unknown, []Reason{NotRead}},
		{"the registration of the owner was released", stopped, Blocked, []Reason{NoWorkerAlive, OwnerLost}},
	} {
		a := Diagnose(*c.f)
		if got := append([]Reason{a.Reason}, a.Others...); a.Verdict != c.verdict || !slices.Equal(got, c.reasons) {
			t.Errorf("%s: %s, %v; want %s, %v", c.name, a.Verdict, got, c.verdict, c.reasons)
		}
	}
}

// looks gives one facts after the other, and the last one from then on.
type looks struct {
	facts []Facts
	taken int
}

func (l *looks) Facts(context.Context, domain.OrderID) (Facts, error) {
	f := l.facts[min(l.taken, len(l.facts)-1)]
	l.taken++
	return f, nil
}

// TestAsk looks again while the facts are not of one moment.
func TestAsk(t *testing.T) {
	moved := *facts(t, time.Minute, place1...)
	moved.Later++
	gone, running := *scenarios(t)[MessageMissing], *scenarios(t)[Running]
	left := running
	left.Later++
	goneOn := *facts(t, time.Minute, started()...)
	for _, c := range []struct {
		name   string
		looks  []Facts
		reason Reason
		taken  int
	}{
		{"of one moment", []Facts{running, gone}, Running, 1},
		{"the order moves on", []Facts{moved, moved, running, gone}, Running, 3},
		{"it ran, and moves on", []Facts{left, *scenarios(t)[HasEnded]}, HasEnded, 2},
		{"the order moves on all the time", []Facts{moved}, NotRead, 5},
		{"missing once", []Facts{gone, running, gone}, Running, 2},
		{"missing twice", []Facts{gone, gone, running}, MessageMissing, 2},
		{"missing at two versions", []Facts{gone, goneOn, running}, Running, 3},
		{"missing, then moved, then missing", []Facts{gone, moved, gone, running}, Running, 4},
	} {
		source := looks{facts: c.looks}
		a, err := Ask(t.Context(), &source, anID)
		if err != nil || a.Reason != c.reason || source.taken != c.taken {
			t.Errorf("%s: %s after %d looks, err %v; want %s after %d", c.name, a.Reason, source.taken, err, c.reason, c.taken)
		}
	}
	away := errors.New("away")
	if _, err := Ask(t.Context(), failing{away}, anID); !errors.Is(err, away) {
		t.Errorf("of a database that does not answer: %v", err)
	}
}

type failing struct{ error }

func (f failing) Facts(context.Context, domain.OrderID) (Facts, error) { return Facts{}, f.error }

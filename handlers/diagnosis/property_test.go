package diagnosis

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
)

// random makes facts that may be true at one moment, and some that never should.
func random(t *testing.T, r *rand.Rand) *Facts {
	t.Helper()
	var commands []domain.Command
	o := &domain.Order{ID: anID}
	for range r.IntN(12) {
		step := o.CurrentStep()
		if step == "" || r.IntN(5) == 0 {
			step = domain.Steps()[r.IntN(domain.StepCount)]
		}
		n := o.Step(step).Attempt + r.IntN(2)
		choice := []domain.Command{
			domain.Place{}, domain.StartStep{Step: step, Attempt: n, Node: "w1"}, domain.CompleteStep{Step: step, Attempt: n},
			domain.FailStep{Step: step, Attempt: n, Error: "no"}, domain.FailStep{Step: step, Attempt: n, Error: "no"}, domain.InterruptStep{Step: step, Attempt: n, Reason: "lost"},
			domain.RollBackStep{Step: step, Attempt: n, Node: "w1"}, domain.Resume{Reason: "mended"},
			domain.Fail{Reason: "hopeless"},
		}
		if r.IntN(8) == 0 {
			choice = append(choice, domain.Cancel{Reason: "unwanted"}, domain.Cancel{Reason: "unwanted"}, domain.Cancel{Reason: "unwanted", Now: true})
		}
		if r.IntN(20) == 0 {
			choice = append(choice, domain.Park{Reason: "often"})
		}
		for range 20 { // until one is allowed
			c := choice[r.IntN(len(choice))]
			events, err := o.Decide(c)
			if err != nil {
				continue
			}
			if o, err = o.After(events); err != nil {
				t.Fatal(err)
			}
			commands = append(commands, c)
			break
		}
	}
	f := facts(t, time.Duration(r.IntN(8))*time.Second, commands...)
	f.Nodes = nil
	for _, name := range []string{"w1", "w2", "w3"} {
		if r.IntN(3) > 0 {
			f.Nodes = append(f.Nodes, randomNode(r, name))
		}
	}
	if r.IntN(8) == 0 {
		f.Paused = work.Controls{{Kind: work.ControlStep, Name: string(domain.Steps()[r.IntN(2)]), Value: work.ControlPaused, SetAt: now}}
	}
	if f.version() > 0 {
		placed(f, r)
		f.View.Version = r.IntN(f.version() + 1)
	}
	if r.IntN(2) == 0 {
		f.Traffic = &Traffic{AsOf: now, Steps: map[domain.Step]Pace{domain.Scheduling: {Run: Usual{fewest, 1, 2}}, domain.PreProcessing: {Run: Usual{fewest, 1, 2}}}}
	}
	for range r.IntN(20) / 19 {
		f.Faults = append(f.Faults, Fault{Chain: r.IntN(2) == 0, Version: 1, What: "wrong"})
	}
	return f
}

func randomNode(r *rand.Rand, name string) work.Node {
	n := aNode(name)
	if r.IntN(3) == 0 {
		return n
	}
	n.Busy = r.IntN(3)
	n.Roles = []string{"worker", "worker", "worker", "api,worker,projector", "api", "projector"}[r.IntN(6)]
	n.State = []string{work.NodeActive, work.NodeActive, work.NodeActive, work.NodeDraining, work.NodeCordoned, work.NodeStopped, work.NodeLost}[r.IntN(7)]
	n.ExpiresAt = now.Add(time.Duration(r.IntN(12)-3) * time.Second)
	n.HeartbeatAt, n.Expired = n.ExpiresAt.Add(-5*time.Second), !n.ExpiresAt.After(now)
	return n
}

// placed puts the message that is due somewhere, or nowhere.
func placed(f *Facts, r *rand.Rand) {
	switch r.IntN(10) {
	case 0, 1, 2:
		f.queued()
	case 3:
		f.Letter = &Letter{Key: "k", Reason: "r", ParkedAt: now}
	case 4, 5, 6, 7, 8:
		f.heldBy([]string{"", "w1", "w1", "w2", "w3", "w4"}[r.IntN(6)], 1)
		f.Holds[0].Lease.Interruptions, f.Holds[0].AvailableAt = max(0, r.IntN(4)-1), now.Add(time.Duration(r.IntN(5)-2)*time.Second)
	}
}

// hide takes parts of facts away, as if they could not have been read.
func hide(f Facts, r *rand.Rand) Facts {
	f.Gaps = nil
	for _, part := range []Part{PartEvents, PartForms, PartQueue, PartHolds, PartNodes, PartView, PartMoment} {
		if r.IntN(4) > 0 {
			continue
		}
		f.Gaps = append(f.Gaps, Gap{part, "hidden"})
		switch part {
		case PartEvents: // without which nothing is asked for
			f.Events, f.Faults, f.Later, f.Queue.Waits, f.Letter, f.Holds = nil, nil, 0, false, nil, nil
		case PartForms:
			f.Events = slices.Clone(f.Events)
			if n := len(f.Events); n > 0 {
				f.Events[n-1].Event = nil
			}
		case PartQueue:
			f.Queue.Waits, f.Letter = false, nil
		case PartHolds:
			f.Holds = nil
		case PartNodes:
			f.Nodes, f.Paused = nil, nil
		case PartView:
			f.View = View{}
		case PartMoment:
		}
	}
	return f
}

// moves says, by other words than the rules, whether somebody works on an order, or a free worker finds its message.
func moves(f *Facts) bool {
	o, err := domain.Fold(f.Events)
	if err != nil || len(f.Events) == 0 || o.Status().Ended() || o.Parked || len(f.Faults) > 0 || f.Letter != nil {
		return false
	}
	good := func(n work.Node) bool {
		return n.ExpiresAt.After(now) && n.State != work.NodeStopped && n.State != work.NodeLost
	}
	for _, n := range f.Nodes {
		if len(f.Holds) > 0 && f.Holds[0].Lease.Node == n.Node && good(n) {
			return true
		}
		if f.Queue.Waits && len(f.Paused) > 0 && work.StepTopic(domain.Step(f.Paused[0].Name)) == f.due().Topic {
			continue
		}
		if f.Queue.Waits && good(n) && n.State == work.NodeActive && (n.Roles == "worker" || n.Roles == "api,worker,projector") && n.Busy < n.Slots {
			return true
		}
	}
	return false
}

// TestDiagnose_property: of any facts there is one reason of the list, the same each time. An order that nobody works on,
// nor is about to work on, never progresses. What cannot be read makes an answer NotRead, or leaves it as it was.
func TestDiagnose_property(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	seen := map[Reason]int{}
	for range 10_000 {
		f := random(t, r)
		a := Diagnose(*f)
		seen[a.Reason]++
		told := append([]Reason{a.Reason}, a.Others...)
		if !slices.IsSortedFunc(told, byPrecedence) || slices.Index(Reasons(), a.Reason) < 0 || len(slices.Compact(slices.Clone(told))) != len(told) {
			t.Fatalf("the reasons are %v, not each once and in the order of the list, for %+v", told, f)
		}
		if !reflect.DeepEqual(a, Diagnose(*f)) {
			t.Fatalf("asked again it is another answer, for %+v", f)
		}
		if a.Verdict == Progressing && !moves(f) {
			t.Fatalf("%s: %s, and nobody works on it: %+v", a.Reason, a.Summary, f)
		}
		if a.Reason == NotRead {
			t.Fatalf("all was read, and it is said: %s, of %+v", a.Summary, f)
		}
		hidden := hide(*f, r)
		if b := Diagnose(hidden); b.Reason != NotRead && b.Reason != a.Reason {
			t.Fatalf("without %v it is %s, with them %s: %+v", hidden.Gaps, b.Reason, a.Reason, f)
		}
	}
	for _, reason := range Reasons() {
		if seen[reason] == 0 && reason != NotRead && reason != ViewBehind {
			t.Errorf("no facts led to %s: %v", reason, seen)
		}
	}
	t.Log(seen)
}

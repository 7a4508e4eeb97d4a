package diagnosis

import (
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
)

// now is when everything is looked at.
var now = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

var anID = domain.OrderID{0: 1, 15: 7}

const group = "workers"

// facts begins the facts about an order with a live worker that has a free slot, and a view that is up to date. The last
// event is so old.
func facts(t testing.TB, old time.Duration, commands ...domain.Command) *Facts {
	t.Helper()
	f := &Facts{OrderID: anID, Now: now, Queue: Queue{Group: group}, Nodes: []work.Node{aNode("w1")}}
	var o domain.Order
	o.ID = anID
	for _, c := range commands {
		decided, err := o.Decide(c)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range decided {
			n := len(f.Events) + 1
			r := domain.Recorded{OrderID: anID, Version: n, Partition: 3, Position: int64(100 + n), Type: domain.TypeOf(e), Event: e}
			if err := o.Apply(r); err != nil {
				t.Fatal(err)
			}
			f.Events = append(f.Events, r)
		}
	}
	for i := range f.Events { // a second between each and the next
		f.Events[i].RecordedAt = now.Add(-old - time.Duration(len(f.Events)-1-i)*time.Second)
	}
	f.Later = len(f.Events)
	f.View = View{Version: len(f.Events), Checkpoint: int64(100 + len(f.Events))}
	return f
}

// aNode is a live worker, with a heartbeat half a second ago and five seconds of lease.
func aNode(name string) work.Node {
	return work.Node{
		Node: name, Epoch: 4, State: work.NodeActive, Slots: 2, Busy: 1, Roles: "api,worker,projector",
		HeartbeatAt: now.Add(-time.Second / 2), ExpiresAt: now.Add(4500 * time.Millisecond),
	}
}

// due is the message that is due.
func (f *Facts) due() work.Cause {
	causes := work.Causes(f.Events)
	return causes[len(causes)-1]
}

// queued has the message that is due wait in the outbox.
func (f *Facts) queued() *Facts {
	f.Queue.Waits, f.Holds, f.Letter = true, nil, nil
	return f
}

// heldBy has a node hold it; nobody, if the node has no name.
func (f *Facts) heldBy(node string, attempt int) *Facts {
	d := f.due()
	h := Hold{Lease: work.Lease{Topic: d.Topic, Position: d.Position, Attempt: attempt}, ClaimedAt: now.Add(-2 * time.Second)}
	if node != "" {
		h.Lease.Registration = work.Registration{Node: node, Epoch: 4}
	}
	f.Queue.Waits, f.Holds, f.Letter = false, []Hold{h}, nil
	return f
}

// node changes the first node.
func (f *Facts) node(change func(*work.Node)) *Facts {
	change(&f.Nodes[0])
	return f
}

// paused pauses the first step, ten seconds ago.
func paused(f *Facts) {
	f.Paused = work.Controls{{
		Kind: work.ControlStep, Name: string(domain.Scheduling), Value: work.ControlPaused, Actor: "operator:ann", Reason: "the press is hot", SetAt: now.Add(-10 * time.Second),
	}}
}

// gone ends a registration, three seconds ago.
func gone(n *work.Node) { n.Expired, n.ExpiresAt = true, now.Add(-3*time.Second) }

var place1 = []domain.Command{domain.Place{}}

func started(more ...domain.Command) []domain.Command {
	return append([]domain.Command{domain.Place{}, domain.StartStep{Step: domain.Scheduling, Attempt: 1, Node: "w1"}}, more...)
}

var (
	completed1   = domain.CompleteStep{Step: domain.Scheduling, Attempt: 1}
	failed1      = domain.FailStep{Step: domain.Scheduling, Attempt: 1, Error: "no steel"}
	interrupted1 = domain.InterruptStep{Step: domain.Scheduling, Attempt: 1, Reason: "step timed out after 60s"}
)

// scenarios are facts for which a reason is true, and no other.
func scenarios(t testing.TB) map[Reason]*Facts {
	t.Helper()
	whole := place1
	for _, s := range domain.Steps() {
		whole = append(whole[:len(whole):len(whole)], domain.StartStep{Step: s, Attempt: 1, Node: "w1"}, domain.CompleteStep{Step: s, Attempt: 1})
	}
	all := map[Reason]*Facts{
		UnknownOrder:        facts(t, 0),
		ChainBroken:         facts(t, time.Minute, started()...).heldBy("w1", 1),
		IllegalHistory:      facts(t, time.Minute, started()...).heldBy("w1", 1),
		HasEnded:            facts(t, time.Minute, whole...),
		IsParked:            facts(t, time.Minute, started(interrupted1, domain.Park{Reason: "interrupted 3 times"})...),
		CancelRequested:     facts(t, time.Minute, started(domain.Cancel{Reason: "unwanted"})...).heldBy("w1", 1),
		StepPaused:          facts(t, time.Minute, place1...).queued(),
		NoWorkerAlive:       facts(t, time.Minute, place1...).queued().node(func(n *work.Node) { n.Roles = "api" }),
		AllNodesDraining:    facts(t, time.Minute, place1...).queued().node(func(n *work.Node) { n.State = work.NodeDraining }),
		OwnerLost:           facts(t, time.Minute, started()...).heldBy("w0", 1),
		OwnerSilent:         facts(t, time.Minute, started()...).heldBy("w1", 1),
		RollingBack:         facts(t, time.Minute, started(failed1)...).heldBy("w1", 1),
		CompensationFailing: facts(t, time.Minute, started(failed1)...).heldBy("w1", 2),
		RetryScheduled:      facts(t, time.Minute, started(interrupted1)...).heldBy("", 1),
		RunningSlow:         facts(t, time.Minute, started()...).heldBy("w1", 1),
		Running:             facts(t, time.Minute, started()...).heldBy("w1", 1),
		WaitingForSlot:      facts(t, time.Minute, place1...).queued(),
		MessageMissing:      facts(t, time.Minute, started(interrupted1)...),
		JustPlaced:          facts(t, time.Second, place1...).queued(),
		NotRead:             facts(t, time.Minute, started()...).heldBy("w1", 1),
	}
	all[RunningSlow].Traffic = &Traffic{AsOf: now, Steps: map[domain.Step]Pace{domain.Scheduling: {Run: Usual{fewest, 5, 7}}}}
	all[ChainBroken].Faults = []Fault{{Chain: true, Version: 2, What: "its hash does not fit"}}
	all[IllegalHistory].Faults = []Fault{{Version: 2, What: "StepStarted: attempt 1 had been made"}}
	all[IsParked].Letter = &Letter{Key: "workers:scheduling/3/101", Attempt: 3, Reason: "interrupted 3 times", ParkedAt: now.Add(-time.Minute)}
	paused(all[StepPaused])
	lost := aNode("w0")
	gone(&lost)
	all[OwnerLost].Nodes = append(all[OwnerLost].Nodes, lost)
	all[OwnerSilent].node(func(n *work.Node) { n.HeartbeatAt, n.ExpiresAt = now.Add(-3*time.Second), now.Add(2*time.Second) })
	all[CompensationFailing].Holds[0].Lease.Interruptions = 1
	all[RetryScheduled].Holds[0].AvailableAt = now.Add(800 * time.Millisecond)
	all[NotRead].Gaps = []Gap{{PartNodes, "another process holds rows locked"}}
	all[NotRead].Nodes = nil
	return all
}

package diagnosis

import (
	"fmt"
	"strings"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
)

// told is what is said of the reason that comes first.
type told struct {
	summary string
	since   time.Time
	next    string
	from    time.Time // what is next does not happen before, if that is known
	actions []Action
}

const nothing = "nothing happens by itself"

func (s *situation) tellUnknown() told {
	t := told{
		summary: "there is no order of this id", next: nothing,
		actions: []Action{{"orderflow orders list --tracking-id ID", "finds an order by the customer's own name for it"}},
	}
	if s.View.Version > 0 {
		t.summary = fmt.Sprintf("lists have an order of this id, with %d events, and the log has none", s.View.Version)
		t.actions = []Action{check}
	}
	return t
}

var check = Action{"orderflow check", "names all that is wrong in the database, and changes nothing"}

func (s *situation) history(effect string) Action {
	return Action{"orderflow orders events " + s.OrderID.String(), effect}
}

func (s *situation) tellFaults() told {
	what := "its events cannot be applied"
	if len(s.Facts.Faults) > 0 {
		f := s.Facts.Faults[0]
		what = fmt.Sprintf("event %d: %s", f.Version, f.What)
	}
	return told{
		summary: "what is stored of it is not what was recorded by the rules: " + what,
		next:    "nodes may work on it all the same; what is wrong stays",
		actions: []Action{check, s.history("shows what is stored of it")},
	}
}

func (s *situation) tellEnded() told {
	t := told{summary: fmt.Sprintf("it has ended, %s", s.order.Status()), since: s.order.EndedAt, next: "nothing more happens to it"}
	again := s.lever("retry", "places it anew, with the same customer, tracking id and detail")
	switch s.order.Status() {
	case domain.StatusFailed:
		t.summary, t.actions = t.summary+": "+s.why(), []Action{again}
	case domain.StatusCancelled:
		t.summary, t.actions = t.summary+": "+s.why(), []Action{again}
	}
	if s.viewBehind() == yes {
		t.actions = append(t.actions, lateViews...)
	}
	return t
}

// lever is a lever on the order.
func (s *situation) lever(name, effect string) Action {
	return Action{fmt.Sprintf("orderflow orders %s %s --reason WHY", name, s.OrderID), effect}
}

// cancel is what ends an order that need not go on.
func (s *situation) cancel() Action {
	return s.lever("cancel", "has what was done rolled back, once the step that runs has ended, and ends the order; --now cuts that step short")
}

// why the order is rolled back: what an operator said, or else what failed.
func (s *situation) why() string {
	if s.order.Request.Made() {
		return s.order.Request.Reason
	}
	return s.lastError()
}

// end is how the order ends when it has been rolled back.
func (s *situation) end() domain.Status {
	if s.order.Request.What == domain.RequestCancel {
		return domain.StatusCancelled
	}
	return domain.StatusFailed
}

func (s *situation) tellParked() told {
	t := told{
		summary: fmt.Sprintf("it is parked: %s", s.lastError()), since: s.last().RecordedAt, next: nothing,
		actions: []Action{s.history("shows what was tried, where, and how it ended"), check},
	}
	if l := s.Letter; l != nil && s.place == dead {
		if !s.order.Parked {
			t.summary, t.since = fmt.Sprintf("its message was given up: %s", l.Reason), l.ParkedAt
		}
		t.actions[1] = Action{
			"orderflow deadletters requeue " + l.Key + " --reason WHY",
			"gives the message back to the workers, with interruptions counted anew, and resumes the order",
		}
	}
	if _, rolls := s.order.NextRollback(); s.order.Parked && !rolls {
		t.actions = append(t.actions, s.lever("fail", "gives the order up: what was done is rolled back, and it ends Failed"),
			s.lever("cancel", "does the same, and it ends Cancelled"))
	}
	return t
}

func (s *situation) tellCancel() told {
	r, step := s.order.Request, s.order.CurrentStep()
	t := told{
		summary: fmt.Sprintf("it is to be cancelled (%s), and node %s has %s in hand, attempt %d", r.Reason, s.hold.Lease.Node, step, s.order.Step(step).Attempt),
		since:   r.At,
		next:    "the step ends, or is interrupted when its time runs out (--step-timeout of the node)",
	}
	if r.Now {
		t.next = "the node cuts the step short with its next heartbeat"
	} else {
		t.actions = []Action{s.lever("cancel --now", "cuts the step short")}
	}
	t.next += "; then what was done is rolled back, the last step first, and the order ends Cancelled"
	return t
}

var (
	addWorker = Action{"orderflow serve --roles worker", "starts a node that works on orders"}
	listNodes = Action{"orderflow nodes list", "shows the live nodes, their roles, and how busy they are"}
)

func (s *situation) tellPaused() told {
	c := s.pause()
	return told{
		summary: fmt.Sprintf("%s is paused, by %s: %s", c.Name, c.Actor, c.Reason), since: later(s.asked(), c.SetAt), next: nothing,
		actions: []Action{
			{"orderflow steps resume " + c.Name + " --reason WHY", "lets the step be begun again, on all nodes, within two heartbeats"},
			{"orderflow steps list", "shows which steps are paused, by whom, since when and why"},
		},
	}
}

func (s *situation) tellNoWorker() told {
	t := told{
		summary: "no node is alive that works on orders", since: s.asked(),
		next:    nothing,
		actions: []Action{addWorker, {"orderflow nodes list --all", "shows which nodes there were, and where they ran"}},
	}
	for _, n := range s.Nodes {
		if works(n) && n.ExpiresAt.After(t.since) && !n.ExpiresAt.After(s.Now) {
			t.since = n.ExpiresAt
		}
	}
	return t
}

func (s *situation) tellDraining() told {
	t := told{
		summary: "every live node that works on orders is stopping or cordoned, and none claims its message", since: s.asked(), next: nothing,
		actions: []Action{addWorker, listNodes},
	}
	for _, n := range s.Facts.workers() {
		if n.State == work.NodeCordoned {
			t.actions = append(t.actions, Action{"orderflow nodes uncordon " + n.Node + " --reason WHY", "lets the node begin work again"})
			break
		}
	}
	return t
}

// when says how long until a time, or since.
func (s *situation) when(t time.Time) string {
	if left := t.Sub(s.Now); left > 0 {
		return fmt.Sprintf("in %s", short(left))
	}
	return fmt.Sprintf("%s ago", short(s.Now.Sub(t)))
}

func short(d time.Duration) string {
	if d < time.Minute {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

func (s *situation) tellOwnerLost() told {
	l := s.hold.Lease
	t := told{
		summary: fmt.Sprintf("node %s, which had it in hand, is gone", l.Node),
		next:    "the next worker that is free, on any live node, takes it over; the attempt is recorded as interrupted",
		actions: []Action{listNodes},
	}
	if n := s.holder; n != nil {
		t.since = n.ExpiresAt
		t.summary += fmt.Sprintf(": its lease ended %s", s.when(n.ExpiresAt))
	} else {
		t.next = "within a minute or two a node finds that its registration is missing, and frees the message"
	}
	return t
}

func (s *situation) tellOwnerSilent() told {
	n := s.holder
	return told{
		summary: fmt.Sprintf("node %s, which has it in hand, last gave a sign of life %s", n.Node, s.when(n.HeartbeatAt)),
		since:   n.HeartbeatAt,
		next: fmt.Sprintf("if the node stays silent, its lease ends %s, and a free worker of another node takes the order over",
			s.when(n.ExpiresAt)),
		from:    n.ExpiresAt,
		actions: []Action{listNodes},
	}
}

func (s *situation) tellRollingBack() told {
	return told{
		summary: fmt.Sprintf("node %s is rolling back %s: %s", s.hold.Lease.Node, s.order.CurrentStep(), s.why()),
		since:   s.asked(),
		next:    fmt.Sprintf("each step that was done is compensated, the last first; then the order ends, %s", s.end()),
	}
}

func (s *situation) tellCompensation() told {
	l := s.hold.Lease
	t := told{
		summary: fmt.Sprintf("the compensation of %s was interrupted, %d times by now: it failed, ran out of time, or its node was lost",
			s.order.CurrentStep(), l.Interruptions),
		since: s.last().RecordedAt, next: "it is tried again, and the order is parked if that is interrupted too often",
		actions: []Action{s.history("shows which steps were rolled back"), listNodes},
	}
	if l.Node == "" {
		t.from = s.hold.AvailableAt
	}
	return t
}

func (s *situation) tellRetry() told {
	t := told{
		summary: fmt.Sprintf("the next attempt begins %s at the earliest", s.when(s.hold.AvailableAt)), since: s.last().RecordedAt,
		next: "a free worker of any node takes it then", from: s.hold.AvailableAt,
		actions: []Action{s.history("shows how the attempts before ended")},
	}
	if why := s.lastError(); why != "" {
		t.summary += ": " + why
	}
	return t
}

func (s *situation) tellRunning() told {
	l, step := s.hold.Lease, s.order.Step(s.order.CurrentStep())
	t := told{
		summary: fmt.Sprintf("node %s has %s in hand, attempt %d", l.Node, s.stepDue(), l.Attempt), since: s.hold.ClaimedAt,
		next:    "the step ends, or is interrupted when its time runs out (--step-timeout of the node); then the next one follows",
		actions: []Action{s.cancel()},
	}
	if step.Status == domain.StepStatusRunning && step.Node == l.Node && step.Attempt == l.Attempt {
		t.since = step.StartedAt
	}
	if s.holder.State == work.NodeDraining {
		t.next += ". The node is stopping: what has not ended by then is handed to other nodes"
	}
	return t
}

// tellSlow adds to what is said of a step that runs how long others do.
func (s *situation) tellSlow() told {
	t := s.tellRunning()
	t.summary += fmt.Sprintf(", and has run for %s: %s", short(s.ran()), s.usual())
	t.actions = []Action{s.history("shows the attempts before"), listNodes}
	return t
}

// stepDue is the step that the message is about.
func (s *situation) stepDue() string {
	for _, step := range domain.Steps() {
		if work.StepTopic(step) == s.due.Topic {
			return string(step)
		}
	}
	return s.due.Topic
}

func (s *situation) tellSlot() told {
	w := s.workers
	t := told{
		summary: fmt.Sprintf("its message (%s) waits for a free worker; %d of %d are busy", s.due.Topic, w.Busy, w.Slots),
		since:   s.asked(),
		next:    "it is claimed when a worker is free, after what has precedence: rollbacks and later steps, and what waits longer",
		actions: []Action{addWorker, listNodes},
	}
	if p := s.queued(); p != nil {
		t.next = s.starts(p) + "; " + t.next
	}
	if w.Busy < w.Slots {
		t.summary += " by the last heartbeats. If that stays so, see the logs of the nodes: somebody may hold rows locked"
	}
	if s.hold != nil {
		t.since = later(s.last().RecordedAt, s.hold.AvailableAt)
	}
	return t
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func (s *situation) tellMissing() told {
	return told{
		summary: fmt.Sprintf("its message %s, caused by event %d, is nowhere: not waiting, not in flight, no dead letter. "+
			"That is a fault of the system, or somebody removed it", s.message(), s.due.Version),
		since: s.last().RecordedAt, next: nothing,
		actions: []Action{check, s.history("shows how far it came")},
	}
}

var lateViews = []Action{
	{"orderflow projections status", "shows how far the views are behind, by partition"},
	{"orderflow serve --roles projector", "starts a node that keeps the views up with the log"},
}

func (s *situation) tellView() told {
	lacks := s.lacking()
	t := told{
		summary: fmt.Sprintf("the order moves, but lists show it as it was before event %d, %s", lacks.Version, s.when(lacks.RecordedAt)),
		since:   lacks.RecordedAt, next: "a projector applies what is missing", actions: lateViews,
	}
	if s.View.Checkpoint >= lacks.Position { // no projector comes back to it
		t.next = nothing
		t.actions = []Action{
			{"orderflow projections verify", "compares every row with the events"}, {"orderflow projections rebuild", "makes the views anew"},
		}
	}
	return t
}

func (s *situation) tellJustPlaced() told {
	return told{
		summary: fmt.Sprintf("its message (%s) was written %s, and a worker is free for it", s.due.Topic, s.when(s.asked())),
		since:   s.asked(), next: "a node claims it within moments",
	}
}

func (s *situation) tellNotRead() told {
	var parts []string
	for _, g := range s.Gaps {
		parts = append(parts, fmt.Sprintf("%s (%s)", g.Part, g.Why))
	}
	return told{
		summary: "it cannot be told, since this could not be read: " + strings.Join(parts, "; "),
		next:    "it is not known what happens next",
		actions: []Action{{"orderflow orders diagnose " + s.OrderID.String(), "looks again"}, listNodes},
	}
}

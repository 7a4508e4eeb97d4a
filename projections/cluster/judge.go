package cluster

import (
	"fmt"
	"slices"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
)

// stands is how long the orders' projection may be behind, while it does not catch up, before that is wrong.
const stands = time.Minute

// queues takes over the figure of the queues.
func (a *Answer) queues(q Queues, f Figure, controls work.Controls) {
	w := &Waiting{AsOf: f.AsOf, Node: f.Node, Topics: []TopicQueue{}, InFlight: []InHand{}}
	held := map[string]int64{}
	for _, h := range q.InFlight {
		held[h.Topic] += h.Count
		w.InFlight = append(w.InFlight, InHand{Topic: h.Topic, Node: h.Node, Count: h.Count})
	}
	for _, t := range q.Topics {
		x := TopicQueue{
			Topic: t.Topic, Waiting: min(t.Waiting, Most), More: t.Waiting > Most, Returned: t.Returned, InFlight: held[t.Topic],
			DeadLetters: min(t.DeadLetters, Most), MoreDeadLetters: t.DeadLetters > Most,
			Paused: controls.PauseOf(t.Topic) != nil,
		}
		if !t.OldestAt.IsZero() {
			seconds := max(0, f.AsOf.Sub(t.OldestAt)).Seconds()
			x.Oldest = &seconds
		}
		w.Topics = append(w.Topics, x)
		if kept := &a.Retention.KeptFrom; !t.KeptFrom.IsZero() && (kept.IsZero() || t.KeptFrom.Before(*kept)) {
			*kept = t.KeptFrom
		}
	}
	a.Queues, a.Projections = w, projectionsOf(q, f.AsOf)
}

// wanted takes over what operators want of steps, and of the nodes that live.
func (a *Answer) wanted(controls work.Controls) {
	add := func(of string, c *work.Control) {
		if c != nil {
			a.Wanted = append(a.Wanted, Wanted{Of: of, What: c.Value, Actor: c.Actor, Reason: c.Reason, Since: c.SetAt})
		}
	}
	for _, step := range domain.Steps() {
		add(string(step), controls.Paused(step))
	}
	for _, n := range a.Nodes {
		if n.State != Lost {
			add(n.Node, controls.Cordoned(n.Node))
			add(n.Node, controls.Ending(work.Registration{Node: n.Node, Epoch: n.Epoch}))
		}
	}
}

// projectionsOf adds the partitions of each projection up.
func projectionsOf(q Queues, asOf time.Time) []Projection {
	all := []Projection{}
	for _, c := range q.Projections {
		if len(all) == 0 || all[len(all)-1].Projection != c.Projection {
			all = append(all, Projection{Projection: c.Projection, Trend: NotKnown})
		}
		p := &all[len(all)-1]
		p.Position, p.Head = p.Position+c.Position, p.Head+c.Head
		p.Lag, p.Beyond = p.Lag+max(0, c.Head-c.Position), p.Beyond+max(0, c.Position-c.Head)
		if !c.BehindFrom.IsZero() {
			p.LagSeconds = max(p.LagSeconds, asOf.Sub(c.BehindFrom).Seconds())
		}
	}
	for i := range all {
		if p := &all[i]; p.Projection == Orders && q.LagBefore != nil {
			p.Trend = trend(*q.LagBefore, p.Lag)
		}
	}
	return all
}

// trend is how a lag has changed.
func trend(before, now int64) string {
	switch {
	case now > before:
		return Growing
	case now < before:
		return Shrinking
	}
	return Steady
}

const (
	// lostLately is for how long the loss of a node is told that no alarm tells of.
	lostLately = time.Minute
	// unwatched is for how long a node may live before a round of the watchdog has ever succeeded.
	unwatched = 2 * time.Minute
)

// judge says what somebody should look at: what this process itself finds; a node that was lost within a minute; a
// role that no live node has; a projection that has applied what the log does not have, or that is a minute behind and
// does not catch up; a figure of the queues that no node makes, while nodes live that should; orders that wait, while
// all nodes that live and work on orders are cordoned or drain; alarms that nobody has acknowledged, or a watchdog
// that is late; and what could not be read. That orders wait, fail or were parked is not wrong of the cluster.
func (a *Answer) judge(c Config, figure Figure) {
	if c.Trouble != nil {
		a.Wrong = append(a.Wrong, c.Trouble()...)
	}
	for _, role := range a.MissingRoles {
		a.wrongf("no live node has the role %s: %s", role, c.Undone[role])
	}
	for _, n := range a.Nodes {
		if n.State == Lost && n.lately && !a.alarmed(c.NodeLost, n.Node) {
			a.wrongf("node %s was lost: nothing was heard of it for %.1f s", n.Node, n.HeartbeatAge)
		}
	}
	a.judgeWork(figure)
	a.judgeAlarms()
	for _, g := range a.Unread {
		a.wrongf("%s could not be read: %s", g.Part, g.Why)
	}
}

// wrongf adds a line.
func (a *Answer) wrongf(format string, args ...any) {
	a.Wrong = append(a.Wrong, fmt.Sprintf(format, args...))
}

// judgeWork is judge of the projections and the queues.
func (a *Answer) judgeWork(figure Figure) {
	for _, p := range a.Projections {
		if p.Beyond > 0 {
			a.wrongf("the projection %s has applied %d events that the log does not have", p.Projection, p.Beyond)
		}
		if p.Projection == Orders && p.LagSeconds > stands.Seconds() && p.Trend != Shrinking {
			a.wrongf("the projection %s is %.0f s behind (%d events) and does not catch up", p.Projection, p.LagSeconds, p.Lag)
		}
	}
	if figure.Age > staleFigure && a.working() {
		a.wrongf("no node has looked at the queues for %s", figure.Age.Round(time.Second))
	}
	if n := a.waiting(); n > 0 && a.idled() {
		a.wrongf("%d messages of orders wait, and every live worker is cordoned or drains", n)
	}
}

// judgeAlarms is judge of the alarms and of who raises them.
func (a *Answer) judgeAlarms() {
	switch {
	case a.WatchdogLate && a.watched.Ever:
		a.wrongf("no round of the watchdog has succeeded for %s", a.watched.Ago.Round(time.Second))
	case a.WatchdogLate:
		a.wrongf("no round of the watchdog has ever succeeded: nobody watches")
	}
	for _, x := range a.Alarms {
		if x.State == work.AlarmRaised {
			a.wrongf("alarm %s (%s) of %s: %s", x.Alarm, x.Severity, x.Subject, x.What)
		}
	}
}

// alarmed says whether an alarm of a code is open about something.
func (a *Answer) alarmed(code work.AlarmCode, subject string) bool {
	return slices.ContainsFunc(a.Alarms, func(x Alarm) bool { return x.Alarm == code && x.Subject == subject })
}

// lived says whether a node lives that was there for several rounds of a watchdog.
func (a *Answer) lived() bool {
	return slices.ContainsFunc(a.Nodes, func(n Node) bool { return n.State != Lost && a.AsOf.Sub(n.StartedAt) > unwatched })
}

// waiting is how many messages wait of steps that are not paused.
func (a *Answer) waiting() (n int64) {
	if a.Queues == nil {
		return 0
	}
	for _, t := range a.Queues.Topics {
		if !t.Paused {
			n += t.Waiting + t.Returned
		}
	}
	return n
}

// idled says whether nodes live that work on orders, and none of them may begin any.
func (a *Answer) idled() bool {
	live := slices.DeleteFunc(slices.Clone(a.Nodes), func(n Node) bool { return n.State == Lost || !slices.Contains(n.Roles, "worker") })
	return len(live) > 0 && !slices.ContainsFunc(live, func(n Node) bool { return n.State == Alive })
}

// working says whether a node lives that takes duties.
func (a *Answer) working() bool {
	for _, n := range a.Nodes {
		if n.State == Alive || n.State == Cordoned {
			return true
		}
	}
	return false
}

package node

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/handlers/diagnosis"
	"orderflow/handlers/operate"
	"orderflow/projections"
	"orderflow/schema"
	"orderflow/transport/messaging/inflight"
)

// injury is a cause, as the exam puts it into a database. The truth is what was done, and nothing is asked for it.
type injury struct {
	reason diagnosis.Reason
	put    func(*subject)
	// above says that the reason is told also where no worker is alive.
	above bool
	// streams says that streams alone tell it, for which a survey does not look. ended: a survey does not have the order.
	streams, ended bool
	// listed says that lists must have the order, or else nothing does but its stream. late: that they must not.
	listed, late bool
	fresh        bool // it is true for a few seconds
}

// subject is a patient with what chance decides.
type subject struct {
	*patient
	r    *rand.Rand
	name string            // of the worker
	w    work.Registration // a live worker with free slots
}

func (p *subject) chance(of int) bool { return p.r.IntN(of) == 0 }

// otherWorkers registers some, that stay alive.
func (p *subject) otherWorkers() {
	for i := range p.r.IntN(3) {
		p.worker(fmt.Sprintf("%s-other%d", p.name, i), 1+p.r.IntN(50))
	}
}

// step is the step that runs or is next.
func (p *subject) step() domain.Step { return p.order().CurrentStep() }

// run has the order come to one of its steps and start it, after some attempts of it were interrupted.
func (p *subject) run() work.Lease {
	l := p.begin(p.w)
	for range p.r.IntN(domain.StepCount) {
		next, _ := p.step().Next()
		l = p.do(l, work.SettlePass, domain.CompleteStep{Step: p.step(), Attempt: l.Attempt}, domain.StartStep{Step: next, Attempt: 1, Node: l.Node}).Next.Lease
	}
	for range max(0, p.r.IntN(4)-1) {
		l = p.again(p.interrupt(l))
		p.do(l, work.SettleKeep, domain.StartStep{Step: p.step(), Attempt: l.Attempt, Node: l.Node})
	}
	return l
}

// interrupt ends an attempt without an outcome. The next one is to wait for an hour.
func (p *subject) interrupt(l work.Lease) work.Lease {
	p.do(l, work.SettleReturn, domain.InterruptStep{Step: p.step(), Attempt: l.Attempt, Reason: "step timed out"})
	return l
}

// again ends the wait of a message that was given back, and has the worker claim it.
func (p *subject) again(l work.Lease) work.Lease {
	p.awaited(l)
	c := inflight.NewClaimer(p.db, inflight.ClaimerConfig{Group: inflight.Workers, Slots: 50, AloneAfter: 1000, Losses: inflight.NewLosses(p.db, inflight.LossesConfig{})})
	round := inflight.Round{Tenure: work.Tenure{Registration: p.w, Context: p.t.Context()}, Topics: work.Topics(), Free: 10_000}
	sources, err := c.Look(p.t.Context(), round)
	must(p.t, err)
	free, err := c.Returned(p.t.Context(), round, sources)
	must(p.t, err)
	claims, err := c.TakeOver(p.t.Context(), slices.DeleteFunc(free, func(x inflight.Returned) bool { return !strings.HasPrefix(x.UUID, p.id.String()) }))
	if must(p.t, err); len(claims) != 1 {
		p.t.Fatalf("of the order %d messages could be claimed anew", len(claims))
	}
	return claims[0].Lease
}

func (p *subject) awaited(l work.Lease) {
	if p.exec(`UPDATE inflight SET available_at = claimed_at WHERE first_topic = ?1 AND partition = ?2 AND first_position = ?3`, l.FirstTopic, l.Partition, l.FirstPosition) != 1 {
		p.t.Fatal("the message is not in flight")
	}
}

// failed has a step fail, and the worker claim the rollback and compensate some steps.
func (p *subject) failed() work.Lease {
	l := p.run()
	p.do(l, work.SettleDone, domain.FailStep{Step: p.step(), Attempt: l.Attempt, Error: "no steel"})
	l = p.claim(p.w)
	o := p.order()
	steps := 0
	for _, s := range o.Steps {
		if s.Attempt > 0 {
			steps++
		}
	}
	for range p.r.IntN(steps) {
		p.compensate(l, work.SettleKeep)
	}
	return l
}

func (p *subject) compensate(l work.Lease, settle work.Settlement) {
	o := p.order()
	step, _ := o.NextRollback()
	p.do(l, settle, domain.RollBackStep{Step: step, Attempt: o.Step(step).Attempt, Node: l.Node})
}

// waiting has the message that is due wait in the outbox, for a while by the clock of its event.
func (p *subject) waiting() {
	if p.chance(2) {
		p.place()
		return
	}
	l := p.run()
	if p.chance(3) {
		p.do(l, work.SettleDone, domain.FailStep{Step: p.step(), Attempt: l.Attempt, Error: "no steel"})
		return
	}
	for p.step() == domain.PostProcessing { // after which nothing waits
		p.do(l, work.SettleDone, domain.FailStep{Step: p.step(), Attempt: l.Attempt, Error: "no steel"})
		return
	}
	p.do(l, work.SettleDone, domain.CompleteStep{Step: p.step(), Attempt: l.Attempt})
}

// inHand has a live worker have the order in hand, at a step or rolling back.
func (p *subject) inHand() work.Lease {
	if p.chance(3) {
		return p.failed()
	}
	return p.run()
}

// parked parks an order, at a step or while it is rolled back.
func (p *subject) parked() {
	l := p.inHand()
	commands := []domain.Command{domain.Park{Reason: "interrupted 3 times"}}
	if l.Topic != work.TopicRollback {
		commands = append([]domain.Command{domain.InterruptStep{Step: p.step(), Attempt: l.Attempt, Reason: "panic"}}, commands...)
	}
	p.do(l, work.SettlePark, commands...)
}

// runsOut ends a registration in one of the ways.
func (p *subject) runsOut(of work.Registration) {
	switch p.r.IntN(4) {
	case 0:
		must(p.t, inflight.NewNodes(p.db).Release(p.t.Context(), of))
	case 1:
		p.exec(`DELETE FROM nodes WHERE node = ?1 AND epoch = ?2`, of.Node, of.Epoch)
	case 2:
		p.expires(of, -time.Duration(1+p.r.IntN(60))*time.Second)
		p.exec(`UPDATE nodes SET state = ?1 WHERE node = ?2`, work.NodeLost, of.Node)
	default:
		p.expires(of, -time.Duration(1+p.r.IntN(60))*time.Second)
	}
}

// dark has no worker be alive.
func (p *subject) dark() {
	p.exec(`UPDATE nodes SET expires_at = `+p.db.Dialect().NowPlus("?1")+` WHERE roles LIKE '%worker%'`, -1500)
}

// removed takes the message of the order away, wherever it is.
func (p *subject) removed() {
	n := int64(0)
	for _, table := range []string{"outbox", "inflight", "dead_letters"} {
		n += p.exec(`DELETE FROM ` + table + ` WHERE uuid LIKE '` + p.id.String() + `%'`)
	}
	if n == 0 {
		p.t.Fatal("the order has no message")
	}
}

// shown has lists come up with the order.
func (p *subject) shown() {
	version := p.order().Version
	for tries := 0; ; tries++ {
		versions, err := projections.ReadVersions(p.t.Context(), p.db, []domain.OrderID{p.id})
		if must(p.t, err); versions[p.id] >= version {
			return
		}
		if tries == 1000 {
			p.t.Fatal("lists do not come up with the order")
		}
		p.project()
	}
}

// tampered changes an event of the order behind everybody's back.
func (p *subject) tampered() {
	p.inHand()
	p.shown() // no projector passes over a hole
	version := 1 + p.r.IntN(p.order().Version)
	change := `UPDATE events SET recorded_at = '2020-01-01T00:00:00.000000' WHERE stream_id = ?1 AND version = ?2`
	switch p.r.IntN(3) {
	case 0:
		change = `UPDATE events SET data = '{"tracking_id":"another"}', type = 'OrderPlaced' WHERE stream_id = ?1 AND version = ?2`
		version = 1
	case 1:
		if version < p.order().Version {
			change = `DELETE FROM events WHERE stream_id = ?1 AND version = ?2`
		}
	}
	if p.exec(change, p.id[:], version) != 1 {
		p.t.Fatal("there is no such event")
	}
}

func (p *subject) illegal() {
	p.inHand()
	wrong := []domain.Event{
		domain.OrderFailed{Step: domain.Scheduling}, domain.OrderCompleted{}, domain.StepCompleted{Step: domain.PostProcessing, Attempt: 7},
	}
	_, err := p.store.Append(p.t.Context(), work.Unit{OrderID: p.id, Expected: p.order().Version, Events: wrong[p.r.IntN(len(wrong)):][:1]})
	must(p.t, err)
}

// end has the order end.
func (p *subject) end() {
	if p.chance(2) {
		l := p.failed()
		for {
			o := p.order()
			if _, more := o.NextRollback(); !more || o.Status().Ended() {
				return
			}
			left := 0
			for _, s := range o.Steps {
				if s.Status == domain.StepStatusFailed || s.Status == domain.StepStatusCompleted {
					left++
				}
			}
			settle := work.SettleKeep
			if left == 1 {
				settle = work.SettleDone
			}
			p.compensate(l, settle)
		}
	}
	l := p.run()
	for {
		next, more := p.step().Next()
		complete := domain.CompleteStep{Step: p.step(), Attempt: l.Attempt}
		if !more {
			p.do(l, work.SettleDone, complete)
			return
		}
		l = p.do(l, work.SettlePass, complete, domain.StartStep{Step: next, Attempt: 1, Node: l.Node}).Next.Lease
	}
}

// injuries are the causes of all reasons, but for not_read; see TestDiagnoses_gaps.
func injuries() []injury {
	return []injury{
		{reason: diagnosis.UnknownOrder, above: true, ended: true, put: func(*subject) {}},
		{reason: diagnosis.ChainBroken, above: true, streams: true, put: (*subject).tampered},
		{reason: diagnosis.IllegalHistory, above: true, streams: true, put: (*subject).illegal},
		{reason: diagnosis.HasEnded, above: true, ended: true, put: (*subject).end},
		{reason: diagnosis.IsParked, above: true, put: (*subject).parked},
		{reason: diagnosis.IsParked, above: true, listed: true, put: func(p *subject) { p.parked(); p.removed() }},
		{reason: diagnosis.CancelRequested, put: func(p *subject) {
			l := p.run()
			p.store.Allow(domain.EventLevel)
			p.do(l, work.SettleKeep, domain.Cancel{Reason: "unwanted", Now: p.chance(2)})
		}},
		{reason: diagnosis.StepPaused, above: true, put: (*subject).paused},
		{reason: diagnosis.NoWorkerAlive, put: func(p *subject) { p.waiting(); p.dark() }},
		{reason: diagnosis.NoWorkerAlive, put: func(p *subject) { p.inHand(); p.dark() }},
		{reason: diagnosis.AllNodesDraining, put: func(p *subject) {
			if p.chance(3) {
				p.interrupted()
			} else {
				p.waiting()
			}
			for _, name := range p.workers() {
				p.exec(`UPDATE nodes SET state = ?1 WHERE node = ?2`, []string{work.NodeDraining, work.NodeCordoned}[p.r.IntN(2)], name)
			}
		}},
		{reason: diagnosis.OwnerLost, put: func(p *subject) { p.inHand(); p.worker(p.name+"-heir", 1+p.r.IntN(9)); p.runsOut(p.w) }},
		{reason: diagnosis.OwnerSilent, put: func(p *subject) { p.inHand(); p.expires(p.w, time.Duration(2+p.r.IntN(25))*time.Minute) }},
		{reason: diagnosis.RollingBack, put: func(p *subject) { p.failed() }},
		{reason: diagnosis.CompensationFailing, put: func(p *subject) {
			if l := p.failed(); p.chance(2) {
				p.do(l, work.SettleReturn)
			} else {
				p.do(l, work.SettleReturn)
				p.again(l)
			}
		}},
		{reason: diagnosis.RetryScheduled, put: func(p *subject) { p.interrupt(p.run()) }},
		{reason: diagnosis.RunningSlow, put: func(p *subject) { p.ahead = -time.Minute; p.run(); p.measured(float64(1 + p.r.IntN(50))) }},
		{reason: diagnosis.Running, put: func(p *subject) { p.ahead = -time.Minute; p.run(); p.measured(float64(1000 + p.r.IntN(50))) }},
		{reason: diagnosis.Running, put: func(p *subject) { p.run() }},
		{reason: diagnosis.Running, put: func(p *subject) { p.place(); p.claim(p.w) }},
		{reason: diagnosis.WaitingForSlot, put: (*subject).waiting},
		{reason: diagnosis.WaitingForSlot, put: (*subject).interrupted},
		{reason: diagnosis.WaitingForSlot, put: func(p *subject) { p.ahead = 0; p.waiting(); p.exec(`UPDATE nodes SET busy = slots`) }},
		{reason: diagnosis.MessageMissing, listed: true, put: func(p *subject) { p.waiting(); p.removed() }},
		{reason: diagnosis.MessageMissing, listed: true, put: func(p *subject) { p.inHand(); p.removed() }},
		{reason: diagnosis.ViewBehind, late: true, fresh: true, put: func(p *subject) {
			p.ahead = -time.Minute
			l := p.run()
			p.ahead = 2 * time.Second
			p.do(l, work.SettleDone, domain.FailStep{Step: p.step(), Attempt: l.Attempt, Error: "no steel"})
		}},
		{reason: diagnosis.JustPlaced, fresh: true, put: func(p *subject) { p.ahead = 2 * time.Second; p.place() }},
	}
}

// paused pauses the step that the order waits for.
func (p *subject) paused() {
	step := domain.Scheduling
	switch p.r.IntN(3) {
	case 0:
		p.place()
	case 1:
		p.interrupt(p.run())
		step = p.step()
	default:
		l := p.begin(p.w)
		p.do(l, work.SettleDone, domain.CompleteStep{Step: step, Attempt: l.Attempt})
		step = p.step()
	}
	_, err := LeversOf(p.db).Pause(p.t.Context(), step, operate.By{Actor: "operator", Reason: "hot"})
	must(p.t, err)
}

// workers are the names of the workers.
func (p *subject) workers() []string {
	names, err := schema.Collect(p.t.Context(), p.db, func(rows *sql.Rows, name *string) error { return rows.Scan(name) }, `SELECT node FROM nodes WHERE roles LIKE '%worker%'`)
	must(p.t, err)
	return names
}

// interrupted has a message that was given back wait for a worker.
func (p *subject) interrupted() {
	l := p.run()
	p.interrupt(l)
	p.awaited(l)
}

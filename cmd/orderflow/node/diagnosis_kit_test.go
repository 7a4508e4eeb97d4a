package node

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/google/uuid"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/eventstore"
	"orderflow/handlers/diagnosis"
	"orderflow/projections/cluster"
	"orderflow/projections/tail"
	"orderflow/schema"
	"orderflow/transport/messaging"
	"orderflow/transport/messaging/inflight"
)

// patient is one order of a database, with which a test does by hand what nodes do.
type patient struct {
	t     testing.TB
	db    *schema.DB
	store *eventstore.Store
	id    domain.OrderID
	ahead time.Duration // of the clock that events get
	asks  Diagnoses
	// listed has a survey take the place of the diagnosis of the one order: views are up to date, and it reads no stream
	// but where messages and views leave a doubt.
	listed bool
	pace   diagnosis.Traffic // that is known
}

// newPatient gives an order that is not placed yet, in a database where no node is registered.
func newPatient(t testing.TB, db *schema.DB) *patient {
	t.Helper()
	// What happens has just happened, however long the test takes.
	p := &patient{t: t, db: db, id: domain.OrderID(uuid.Must(uuid.NewV7())), ahead: time.Minute}
	var err error
	p.store, err = openStore(t.Context(), p)
	must(t, err)
	for _, topic := range work.Topics() {
		must(t, inflight.MakeOffsets(t.Context(), db, inflight.Workers, topic))
	}
	p.asks = Diagnoses{DB: db, Store: p.store}
	p.exec(`DELETE FROM nodes`)
	p.exec(`DELETE FROM figures`)
	return p
}

// openStore opens a store whose events are of a patient's clock.
func openStore(ctx context.Context, p *patient) (*eventstore.Store, error) {
	return eventstore.Open(ctx, p.db, eventstore.Config{
		Clock:  func() time.Time { return time.Now().Add(p.ahead) },
		Outbox: messaging.NewOutbox(nil, watermill.NopLogger{}), Leases: inflight.Leases{ReturnDelay: time.Hour},
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// exec changes the database behind everybody's back, and says how many rows it changed.
func (p *patient) exec(query string, args ...any) (n int64) {
	p.t.Helper()
	must(p.t, p.db.InTx(p.t.Context(), func(tx *schema.Tx) error {
		res, err := tx.ExecContext(p.t.Context(), query, args...)
		if err == nil {
			n, err = res.RowsAffected()
		}
		return err
	}))
	return n
}

// join registers a node with so many slots.
func (p *patient) join(name, roles string, slots int) work.Registration {
	p.t.Helper()
	n := work.Node{Node: name, Roles: roles, Slots: slots, Host: "h"}
	epoch, err := inflight.NewNodes(p.db).Register(p.t.Context(), n, time.Hour)
	must(p.t, err)
	return work.Registration{Node: name, Epoch: epoch}
}

// worker registers a worker with so many slots.
func (p *patient) worker(name string, slots int) work.Registration {
	p.t.Helper()
	return p.join(name, "api,worker", slots)
}

// expires moves the end of a registration, and its last heartbeat, which was an hour before.
func (p *patient) expires(r work.Registration, in time.Duration) {
	p.t.Helper()
	now := p.db.Dialect()
	if p.exec(`UPDATE nodes SET expires_at = `+now.NowPlus("?3")+`, heartbeat_at = `+now.NowPlus("?4")+` WHERE node = ?1 AND epoch = ?2`,
		r.Node, r.Epoch, in.Milliseconds(), (in-time.Hour).Milliseconds()) != 1 {
		p.t.Fatalf("there is no registration %+v", r)
	}
}

// order is the order as it is stored.
func (p *patient) order() *domain.Order {
	p.t.Helper()
	o := domain.Order{ID: p.id}
	if events, err := p.store.Load(p.t.Context(), p.id); err == nil {
		o, err = domain.Fold(events)
		must(p.t, err)
	}
	return &o
}

// do appends what commands decide under a lease, and settles the lease.
func (p *patient) do(l work.Lease, settle work.Settlement, commands ...domain.Command) work.Outcome {
	p.t.Helper()
	u, err := work.Prepare(p.order(), domain.Metadata{Actor: "worker", Node: l.Node, Attempt: l.Attempt}, commands...)
	must(p.t, err)
	u.Lease, u.Settle, u.Reason = l, settle, "a test"
	done, err := p.store.Append(p.t.Context(), u)
	must(p.t, err)
	return done
}

// place places the order, with its message in the outbox.
func (p *patient) place() { p.do(work.Lease{}, work.SettleKeep, domain.Place{}) }

// claim has a node claim all that waits, and gives the lease of the order's message.
func (p *patient) claim(of work.Registration) work.Lease {
	p.t.Helper()
	ctx, end := context.WithTimeout(p.t.Context(), time.Minute)
	defer end()
	c := inflight.NewClaimer(p.db, inflight.ClaimerConfig{Group: inflight.Workers, Slots: 50, AloneAfter: 2})
	round := inflight.Round{Tenure: work.Tenure{Registration: of, Context: ctx}, Topics: work.Topics(), Free: 50}
	for ctx.Err() == nil {
		sources, err := c.Look(ctx, round)
		must(p.t, err)
		got, err := c.Claim(ctx, round, sources)
		must(p.t, err)
		for _, claimed := range got.Claims {
			if id, err := work.DecodePayload(claimed.Payload); err == nil && id == p.id {
				return claimed.Lease
			}
		}
	}
	p.t.Fatal("the order's message is not to be had")
	return work.Lease{}
}

// begin places the order and has a node start its first step.
func (p *patient) begin(of work.Registration) work.Lease {
	p.t.Helper()
	p.place()
	l := p.claim(of)
	p.do(l, work.SettleKeep, domain.StartStep{Step: domain.Scheduling, Attempt: l.Attempt, Node: l.Node})
	return l
}

// fail has the first step fail, and a node claim the rollback.
func (p *patient) fail(of work.Registration) work.Lease {
	p.t.Helper()
	l := p.begin(of)
	p.do(l, work.SettleDone, domain.FailStep{Step: domain.Scheduling, Attempt: l.Attempt, Error: "no steel"})
	return p.claim(of)
}

// project has the views come up with the log.
func (p *patient) project() {
	p.t.Helper()
	_, err := tail.NewProjector(p.db, p.store, tail.Config{}).Round(p.t.Context())
	must(p.t, err)
}

// measured has it be known that 99 of 100 runs of a step take so many seconds at most.
func (p *patient) measured(p99 float64) {
	p.t.Helper()
	figures := cluster.NewFigures(p.db)
	now, err := figures.Now(p.t.Context())
	must(p.t, err)
	p.pace = diagnosis.Traffic{AsOf: now, Steps: map[domain.Step]diagnosis.Pace{}}
	for _, step := range domain.Steps() {
		p.pace.Steps[step] = diagnosis.Pace{Run: diagnosis.Usual{Count: 1000, P50: p99 / 2, P99: p99}}
	}
	content, err := json.Marshal(diagnosis.Survey{Traffic: &p.pace})
	must(p.t, err)
	p.exec(`DELETE FROM figures`)
	_, err = figures.Write(p.t.Context(), cluster.Figure{Name: cluster.DiagnosesFigure, AsOf: now, Content: content})
	must(p.t, err)
}

// want diagnoses the order, as the command and the admin interface do.
func (p *patient) want(verdict diagnosis.Verdict, reason diagnosis.Reason, others ...diagnosis.Reason) diagnosis.Answer {
	p.t.Helper()
	if p.listed {
		p.project()
	}
	surveyed := p.surveyed()
	a, err := p.asks.Diagnose(p.t.Context(), p.id)
	must(p.t, err)
	told := append([]diagnosis.Reason{reason}, others...)
	switch {
	case slices.Contains([]diagnosis.Reason{diagnosis.UnknownOrder, diagnosis.ChainBroken, diagnosis.IllegalHistory}, reason): // streams tell it alone
	case !p.listed && slices.Contains(told, diagnosis.MessageMissing): // neither lists nor messages have the order
	case verdict == diagnosis.Ended:
		if surveyed != nil {
			p.t.Errorf("a survey finds an order that has ended: %+v", surveyed)
		}
	case surveyed == nil || surveyed.Reason != reason || surveyed.Verdict != verdict || !surveyed.Since.Equal(a.Since):
		p.t.Errorf("a survey finds %+v; want %s (%s) since %s", surveyed, verdict, reason, a.Since)
	}
	if p.listed {
		return a
	}
	same := len(others) == len(a.Others)
	for i := range others {
		same = same && others[i] == a.Others[i]
	}
	if a.Verdict != verdict || a.Reason != reason || !same {
		p.t.Errorf("%s (%s), others %v: %s; want %s (%s), others %v", a.Verdict, a.Reason, a.Others, a.Summary, verdict, reason, others)
	}
	if time.Since(a.AsOf).Abs() > time.Minute {
		p.t.Errorf("it is as of %s", a.AsOf)
	}
	return a
}

// surveyed is what a survey finds of the order; nil if it finds nothing.
func (p *patient) surveyed() (of *diagnosis.Finding) {
	p.t.Helper()
	s, found, err := p.asks.Survey(p.t.Context(), p.pace)
	must(p.t, err)
	if s.Looked != len(found) || len(s.Gaps) > 0 || s.More || time.Since(s.AsOf).Abs() > time.Minute {
		p.t.Errorf("the survey is %+v, with %d findings", s, len(found))
	}
	for i, f := range found {
		if f.OrderID == p.id {
			of = &found[i]
		}
	}
	return of
}

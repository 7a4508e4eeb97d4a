package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/eventstore"
	"orderflow/eventstore/check"
	"orderflow/handlers/diagnosis"
	"orderflow/projections"
	"orderflow/projections/cluster"
	"orderflow/schema"
	"orderflow/transport/messaging/inflight"
)

// Diagnoses says why orders do not move, from the database alone: no node need run.
type Diagnoses struct {
	DB    *schema.DB
	Store *eventstore.Store
}

// Diagnose diagnoses an order.
func (d Diagnoses) Diagnose(ctx context.Context, id domain.OrderID) (diagnosis.Answer, error) {
	a, err := diagnosis.Ask(ctx, d, id)
	if schema.MayPass(err) {
		err = fmt.Errorf("%w: %w", domain.ErrUnavailable, err)
	}
	return a, err
}

// lockPatience is how long a question waits for a row that somebody has locked, where it must wait at all.
const lockPatience = 300 * time.Millisecond

// Facts is diagnosis.Source: one look of six questions. They are in the order in which messages move, from the outbox
// to a row in flight, so that one which moves meanwhile is met in one place at least; an order that moved on is known
// by its version, which is the last question.
func (d Diagnoses) Facts(ctx context.Context, id domain.OrderID) (f diagnosis.Facts, err error) {
	err = d.DB.Look(ctx, lockPatience, func(in *schema.Look) error {
		f, err = d.factsIn(ctx, in, id)
		return err
	})
	return f, err
}

func (d Diagnoses) factsIn(ctx context.Context, in schema.Reader, id domain.OrderID) (diagnosis.Facts, error) {
	s := sight{Reader: in, store: d.Store}
	s.facts = diagnosis.Facts{OrderID: id, Now: time.Now(), Queue: diagnosis.Queue{Group: inflight.Workers}}
	err := s.all(ctx)
	return s.facts, err
}

// sight is one look at an order.
type sight struct {
	schema.Reader
	store *eventstore.Store
	facts diagnosis.Facts
	owner work.Registration // that has the message in hand; the zero value if none has
}

func (s *sight) all(ctx context.Context) error {
	for _, ask := range []func(context.Context) error{s.events, s.message, s.nodes, s.view, s.version} {
		if err := ask(ctx); err != nil {
			return err
		}
	}
	return nil
}

// gap notes why a part could not be read. An error that is not of the part alone is given back, such as that of a
// database that does not answer.
func (s *sight) gap(part diagnosis.Part, err error) error { return addGap(&s.facts.Gaps, part, err) }

// addGap is sight.gap for a list of gaps; it adds nothing if there is no error.
func addGap(gaps *[]diagnosis.Gap, part diagnosis.Part, err error) error {
	var why string
	switch {
	case errors.Is(err, schema.ErrBusy):
		why = "another process holds rows of it locked"
	case errors.Is(err, schema.ErrDamaged):
		why = "the database file is damaged"
	case errors.Is(err, schema.ErrStatement):
		why = "the database cannot run the question, as if tables were missing"
	case errors.Is(err, schema.ErrTransient):
		why = "the database gave the question up"
	default:
		return err
	}
	*gaps = append(*gaps, diagnosis.Gap{Part: part, Why: why})
	return nil
}

// events reads the stream, and what is wrong with it.
func (s *sight) events(ctx context.Context) (err error) {
	f := &s.facts
	f.Events, err = s.store.LookAt(ctx, s, f.OrderID, func(r domain.Recorded, why error) { undecodable(f, r, why) })
	if err != nil {
		return s.gap(diagnosis.PartEvents, err)
	}
	judge(f)
	return nil
}

// undecodable notes that an event cannot be decoded.
func undecodable(f *diagnosis.Facts, r domain.Recorded, why error) {
	if errors.Is(why, domain.ErrNewer) {
		f.Gaps = append(f.Gaps, diagnosis.Gap{Part: diagnosis.PartForms, Why: why.Error()})
		return
	}
	f.Faults = append(f.Faults, diagnosis.Fault{Version: r.Version, What: why.Error()})
}

// judge notes what is wrong with the stream.
func judge(f *diagnosis.Facts) {
	for _, v := range check.History(f.Events) {
		f.Faults = append(f.Faults, diagnosis.Fault{Chain: v.Kind != check.Illegal, Version: v.Version, What: v.What})
	}
}

// message reads where the message is that is due.
func (s *sight) message(ctx context.Context) error {
	f := &s.facts
	causes := work.Causes(f.Events)
	if len(causes) == 0 {
		return nil
	}
	w, err := inflight.ReadWaiting(ctx, s, inflight.Workers, causes[len(causes)-1], cluster.DiagnosesFigure)
	if err != nil {
		if err := s.gap(diagnosis.PartQueue, err); err != nil {
			return err
		}
	}
	f.Queue.Waits, f.Queue.Claimed, f.Traffic = w.Queued, w.Claimed, trafficOf(w.Figure)
	if l := w.Letter; l != nil {
		f.Letter = &diagnosis.Letter{Key: l.String(), Attempt: l.Attempt, Reason: l.Reason, ParkedAt: l.ParkedAt}
	}
	held, err := inflight.ReadHeld(ctx, s, inflight.Workers, causes)
	if err != nil {
		return s.gap(diagnosis.PartHolds, err)
	}
	for _, h := range held {
		f.Holds = append(f.Holds, diagnosis.Hold{Lease: h.Lease, ClaimedAt: h.ClaimedAt, AvailableAt: h.AvailableAt})
		if due := causes[len(causes)-1]; h.Lease.Topic == due.Topic && h.Lease.Position == due.Position {
			s.owner = h.Lease.Registration
		}
	}
	return nil
}

// trafficOf is what the last survey saw of the cluster. Without it, places and what is usual are not known.
func trafficOf(figure string) *diagnosis.Traffic {
	var s diagnosis.Survey
	if figure == "" || json.Unmarshal([]byte(figure), &s) != nil {
		return nil
	}
	return s.Traffic
}

// nodes reads the register.
func (s *sight) nodes(ctx context.Context) error {
	r, err := inflight.ReadRoster(ctx, s, s.owner)
	if err != nil {
		return s.gap(diagnosis.PartNodes, err)
	}
	s.facts.Now, s.facts.Nodes, s.facts.Paused = r.Now, r.Nodes, r.Paused
	if r.OtherClock {
		s.facts.Nodes, s.facts.Gaps = nil, append(s.facts.Gaps, othersClock)
	}
	return nil
}

var othersClock = diagnosis.Gap{
	Part: diagnosis.PartNodes, Why: "leases are judged by a clock that this process cannot read: ask the admin interface of a node",
}

// view reads how far lists are.
func (s *sight) view(ctx context.Context) error {
	v, err := projections.ReadStanding(ctx, s, s.facts.OrderID, s.store.Partition(s.facts.OrderID))
	if err != nil {
		return s.gap(diagnosis.PartView, err)
	}
	s.facts.View = diagnosis.View{Version: v.Version, Checkpoint: v.Checkpoint}
	return nil
}

// version reads what the version is by now. If the order has not moved on, lists cannot have more events than the log.
func (s *sight) version(ctx context.Context) (err error) {
	f := &s.facts
	f.Later, err = s.store.LookAtVersion(ctx, s, f.OrderID)
	if err != nil {
		return s.gap(diagnosis.PartMoment, err)
	}
	shortOfLists(f)
	return nil
}

// shortOfLists notes that lists have more of an order than the log, which has not moved on.
func shortOfLists(f *diagnosis.Facts) {
	if n := len(f.Events); n > 0 && f.Later == f.Events[n-1].Version && f.View.Version > f.Later {
		f.Faults = append(f.Faults, diagnosis.Fault{
			Chain: true, Version: f.Later,
			What: fmt.Sprintf("the log ends here, and lists have %d: events were removed, or somebody wrote to the lists", f.View.Version),
		})
	}
}

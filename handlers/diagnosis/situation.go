package diagnosis

import (
	"fmt"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
)

// grace is how long a message that was just written, or an event that a view lacks, is nothing to speak of. A node
// with a free slot claims within its idle poll of 250 ms; views follow within two seconds also after a projector has
// died.
const grace = 3 * time.Second

// place is where the message is that is due.
type place int

const (
	somewhere place = iota // it could not be read where
	queued
	inHand // in flight
	dead
	nowhere
)

// situation is what follows from facts.
type situation struct {
	Facts
	order   domain.Order // as far as its events can be applied
	whole   bool         // they all can
	due     *work.Cause  // the message that is due; nil if there is none
	place   place        // of that message
	hold    *Hold        // its row in flight
	holder  *work.Node   // the registration of hold, if that is there
	workers *Workers     // nil if the nodes could not be read
}

func situationOf(f Facts) *situation {
	s := &situation{Facts: f}
	s.whole = s.order.Apply(f.Events...) == nil && len(f.Events) > 0
	if l := f.Listed; l != nil {
		s.order, s.whole, s.due = l.Order, true, l.Due
	}
	if causes := work.Causes(f.Events); len(causes) > 0 {
		s.due = &causes[len(causes)-1]
	}
	s.find()
	if f.read(PartNodes) {
		s.workers = &Workers{}
		for _, n := range f.workers() {
			s.workers.Nodes++
			if n.State == work.NodeDraining || n.State == work.NodeCordoned {
				s.workers.Draining++
				continue
			}
			s.workers.Slots += n.Slots
			s.workers.Busy += min(n.Busy, n.Slots)
		}
	}
	return s
}

// find finds the message that is due. It is in one place; where facts are of two moments, the place counts to which
// messages go.
func (s *situation) find() {
	if s.due == nil {
		return
	}
	for i, h := range s.Holds {
		if h.Lease.Topic == s.due.Topic && h.Lease.Position == s.due.Position {
			s.hold = &s.Holds[i]
		}
	}
	switch {
	case s.hold != nil:
		s.place = inHand
	case s.Letter != nil:
		s.place = dead
	case s.Queue.Waits:
		s.place = queued
	case s.Listed == nil && s.read(PartEvents, PartForms, PartQueue, PartHolds, PartMoment):
		s.place = nowhere
	}
	if s.hold == nil {
		return
	}
	for i, n := range s.Nodes {
		if n.Node == s.hold.Lease.Node && n.Epoch == s.hold.Lease.Epoch {
			s.holder = &s.Nodes[i]
		}
	}
}

// pause is the control by which the message that is due waits; nil if there is none.
func (s *situation) pause() *work.Control {
	if s.due == nil {
		return nil
	}
	return s.Paused.PauseOf(s.due.Topic)
}

// message names the message that is due.
func (s *situation) message() string {
	if s.due == nil {
		return ""
	}
	return fmt.Sprintf("%s:%s/%d/%d", s.Queue.Group, s.due.Topic, s.due.Partition, s.due.Position)
}

// asked is when the message that is due was caused.
func (s *situation) asked() time.Time {
	if s.Listed != nil {
		return later(s.Listed.Written, s.last().RecordedAt)
	}
	for _, e := range s.Events {
		if s.due != nil && e.Version == s.due.Version {
			return e.RecordedAt
		}
	}
	return time.Time{}
}

// last is the last event; the zero value if there is none. Of what lists have only its time is known.
func (s *situation) last() (r domain.Recorded) {
	if s.Listed != nil {
		r.RecordedAt = s.order.PlacedAt
		for _, step := range s.order.Steps {
			r.RecordedAt = later(later(later(r.RecordedAt, step.StartedAt), step.CompletedAt), step.RolledBackAt)
		}
	}
	if n := len(s.Events); n > 0 {
		r = s.Events[n-1]
	}
	return r
}

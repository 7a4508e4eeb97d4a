package diagnosis

import (
	"fmt"
	"time"

	"orderflow/domain"
)

// mostFaults bounds the faults that are told; "orderflow check" names all.
const mostFaults = 5

// instant is a time as all times are sent: UTC, microseconds.
func instant(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// evidence is what is known of the order and of its message.
func (s *situation) evidence() Evidence {
	e := Evidence{Workers: s.workers, LastError: s.lastError()}
	if s.open() == yes {
		e.Message = s.message()
	}
	if s.place == queued && s.open() == yes {
		e.Place = s.queued()
	}
	if len(s.Events) > 0 {
		last := s.last()
		e.Version, e.Partition, e.Position = last.Version, last.Partition, last.Position
		e.LastEvent, e.LastEventAt = last.Type, instant(last.RecordedAt)
	}
	if c := s.pause(); c != nil {
		e.Pause = &Pause{Step: domain.Step(c.Name), Actor: c.Actor, Reason: c.Reason, Since: instant(c.SetAt)}
	}
	if s.order.Version > 0 {
		e.Status, e.Step = s.order.Status(), s.order.CurrentStep()
		if e.Status == domain.StatusPending {
			e.Step = domain.Scheduling
		}
	}
	for i, f := range s.Facts.Faults {
		if i == mostFaults {
			e.Faults = append(e.Faults, fmt.Sprintf("and %d more", len(s.Facts.Faults)-i))
			break
		}
		e.Faults = append(e.Faults, fmt.Sprintf("event %d: %s", f.Version, f.What))
	}
	if s.read(PartEvents, PartView) {
		version := s.View.Version
		e.ViewVersion = &version
	}
	if (s.place == queued || s.place == inHand) && s.open() == yes {
		e.Usual = s.usual()
	}
	s.evidenceOfWork(&e)
	return e
}

// evidenceOfWork adds who has the message in hand, or why nobody has.
func (s *situation) evidenceOfWork(e *Evidence) {
	if l := s.Letter; l != nil && s.place == dead {
		e.Letter, e.Attempt = l.Key, l.Attempt
	}
	if s.hold == nil {
		return
	}
	l := s.hold.Lease
	e.Node, e.Epoch, e.Attempt, e.Interruptions = l.Node, l.Epoch, l.Attempt, l.Interruptions
	if l.Node == "" && s.hold.AvailableAt.After(s.Now) {
		e.NextRetry = instant(s.hold.AvailableAt)
	}
	if s.holder != nil {
		left := s.holder.ExpiresAt.Sub(s.Now).Round(time.Millisecond).Seconds()
		e.Heartbeat, e.LeaseLeft = instant(s.holder.HeartbeatAt), &left
	}
}

// lastError is why an attempt failed, was interrupted, or was the last, by the latest event that says so.
func (s *situation) lastError() string {
	for i := len(s.Events) - 1; i >= 0; i-- {
		switch e := s.Events[i].Event.(type) {
		case domain.StepFailed:
			return e.Error
		case domain.StepInterrupted:
			return e.Reason
		case domain.OrderParked:
			return e.Reason
		case domain.StepCompleted:
			return s.letterReason() // what was before has been overcome
		}
	}
	return s.letterReason()
}

func (s *situation) letterReason() string {
	if s.Letter == nil || s.place != dead {
		return ""
	}
	return s.Letter.Reason
}

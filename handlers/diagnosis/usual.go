package diagnosis

import (
	"fmt"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
)

// Traffic is what a survey saw of the cluster as a whole.
type Traffic struct {
	AsOf  time.Time `json:"as_of"` // by the database's clock
	Lines []Line    `json:"lines"` // what waits in the outbox
	// Starts is how many orders began their first step a second, in the last minute; 0 if that is not known.
	Starts float64 `json:"starts_per_second,omitempty"`
	// Steps is how long steps waited and ran in the last day, as far as it is known.
	Steps map[domain.Step]Pace `json:"steps,omitempty"`
}

// Pace is how long a step waits, from the event that makes it due to its first attempt, and how long an attempt runs.
type Pace struct {
	Wait Usual `json:"wait"`
	Run  Usual `json:"run"`
}

// Usual is how long something takes: half of it takes P50 at most, and 99 of 100 P99.
type Usual struct {
	Count int64   `json:"count"`
	P50   float64 `json:"p50_seconds"`
	P99   float64 `json:"p99_seconds"`
}

const (
	// oldTraffic is how old what a survey saw may be. What it says of the lines is of no use after that.
	oldTraffic = time.Minute
	// fewest is how many times must be known for a 99th part of them to mean something.
	fewest = 100
)

// traffic is what a survey saw, unless that is old.
func (s *situation) traffic() *Traffic {
	if s.Traffic == nil || s.Now.Sub(s.Traffic.AsOf).Abs() > oldTraffic {
		return nil
	}
	return s.Traffic
}

// usual is how long the step that is due usually waits, or runs if a node has it in hand; nil if that is not known.
func (s *situation) usual() *Usual {
	if s.due == nil || s.traffic() == nil {
		return nil
	}
	pace := s.traffic().Steps[domain.Step(s.stepDue())]
	u := &pace.Wait
	if s.place == inHand && s.hold.Lease.Node != "" {
		u = &pace.Run
	}
	if u.Count < fewest {
		return nil
	}
	return u
}

// unusual says that something has taken longer than 99 of 100 do. The clocks of nodes may differ by the grace.
func (u *Usual) unusual(took time.Duration) bool { return (took - grace).Seconds() > u.P99 }

func (u *Usual) String() string {
	text := func(seconds float64) string { return short(time.Duration(seconds * float64(time.Second))) }
	return fmt.Sprintf("half take %s at most, and 99 of 100 take %s", text(u.P50), text(u.P99))
}

// ran is how long the attempt has run that a node has in hand; 0 if it has not begun.
func (s *situation) ran() time.Duration {
	l, step := s.hold.Lease, s.order.Step(domain.Step(s.stepDue()))
	if step.Status != domain.StepStatusRunning || step.Node != l.Node || step.Attempt != l.Attempt {
		return 0
	}
	return s.Now.Sub(step.StartedAt)
}

// slow: the attempt that runs has taken unusually long. Where nobody knows what is usual, it is not said.
func (s *situation) slow() truth {
	u := s.usual()
	return is(u != nil && s.place == inHand && s.hold.Lease.Node != "" && u.unusual(s.ran()))
}

// judged says whether what an answer says has lasted unusually long, as far as that is known.
func (s *situation) judged(r Reason, since time.Time) *bool {
	u := s.usual()
	if u == nil || since.IsZero() || r != Running && r != RunningSlow && r != WaitingForSlot && r != JustPlaced {
		return nil
	}
	unusual := r == RunningSlow || r != Running && u.unusual(s.Now.Sub(since))
	return &unusual
}

// starts says about when the message that waits is begun; empty if that is not known.
func (s *situation) starts(p *Place) string {
	rate := s.traffic().Starts
	if rate <= 0 || p.More || s.due.Topic != work.StepTopic(domain.Scheduling) {
		return p.String()
	}
	in := time.Duration(float64(p.Before+1) / rate * float64(time.Second))
	return fmt.Sprintf("starts in about %s: %d before it, %.1f starts a second", short(in.Round(time.Second)), p.Before, rate)
}

package operate

import (
	"context"
	"slices"
	"time"

	"orderflow/domain"
)

// Step is a step of all orders, and whether it is paused.
type Step struct {
	Step   domain.Step `json:"step"`
	Paused bool        `json:"paused"`
	// Actor, Reason and Since say who paused it, why and when.
	Actor  string    `json:"actor,omitempty"`
	Reason string    `json:"reason,omitempty"`
	Since  time.Time `json:"since,omitzero"`
}

// Steps lists the steps, in the order in which they run.
func (l Levers) Steps(ctx context.Context) ([]Step, error) {
	controls, err := l.Controls.Read(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]Step, 0, domain.StepCount)
	for _, step := range domain.Steps() {
		s := Step{Step: step}
		if c := controls.Paused(step); c != nil {
			s.Paused, s.Actor, s.Reason, s.Since = true, c.Actor, c.Reason, c.SetAt
		}
		all = append(all, s)
	}
	return all, nil
}

// Pause has the messages of a step wait in the whole cluster. Attempts that run go on to their end; their orders, and
// those that come, wait where the step would begin. Nodes that read no controls go on with the step; they are named.
func (l Levers) Pause(ctx context.Context, step domain.Step, by By) (Done, error) {
	all, err := l.Nodes.List(ctx)
	if err != nil {
		return Done{}, err
	}
	var older []string
	for _, n := range all {
		if !n.Expired && n.EventLevel < heedsFrom {
			older = append(older, n.Node)
		}
	}
	slices.Sort(older)
	now := "the step is paused: its messages wait, and what runs goes on to its end"
	if len(older) > 0 {
		now += "; nodes with an older program still begin it: " + domain.List(older)
	}
	done, err := l.set(ctx, pause(step), by, "steps pause", now)
	done.Older = older
	return done, err
}

// Resume lets a paused step be begun again.
func (l Levers) Resume(ctx context.Context, step domain.Step, by By) (Done, error) {
	return l.clear(ctx, pause(step), by, clearing{"steps resume", "resumed", "the step is not paused"})
}

package operate

import (
	"context"
	"fmt"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
)

// Cancel asks for the end of an order. A step that runs ends first; with now it is cut short. Then what was done is rolled
// back. An order of which no step has begun ends at once. It is a domain.ErrRule if the order has ended or rolls back.
func (l OrderLevers) Cancel(ctx context.Context, seen Seen, now bool, by By) (Asked, error) {
	o, err := l.ask(ctx, seen, by, domain.Cancel{Reason: by.Reason, Now: now}, func(after *domain.Order) *work.Control {
		if !now || !after.Running() {
			return nil
		}
		return &work.Control{
			Kind: work.ControlCut, Name: seen.ID.String(), Value: work.ControlCutNow,
			Actor: by.Actor, Reason: by.Reason, SetAt: time.Now().UTC().Truncate(time.Microsecond),
		}
	})
	if err != nil {
		return Asked{}, err
	}
	return asked(o, afterCancel(o)), nil
}

// afterCancel says what happens next to an order that is to be cancelled.
func afterCancel(o *domain.Order) string {
	switch {
	case o.Status().Ended():
		return "nothing more happens to the order: no step of it had begun"
	case !o.Running():
		return "a free worker rolls back " + rollsBack(o, domain.StatusCancelled)
	}
	runs := o.Step(o.CurrentStep())
	how := fmt.Sprintf("%s, attempt %d, runs to its end on node %s", o.CurrentStep(), runs.Attempt, runs.Node)
	if o.Request.Now {
		how = fmt.Sprintf("%s, attempt %d, is cut short when node %s next gives a sign of life", o.CurrentStep(), runs.Attempt, runs.Node)
	}
	return how + "; then a free worker rolls back " + rollsBack(o, domain.StatusCancelled)
}

package operate

import (
	"context"

	"orderflow/domain"
	"orderflow/domain/work"
)

// Fail gives up a parked order: what was done is rolled back, and the order ends Failed. Its dead letter is removed. It is a
// domain.ErrRule if the order is not parked, or was parked while it rolled back.
func (l OrderLevers) Fail(ctx context.Context, seen Seen, by By) (Asked, error) {
	o, err := l.ask(ctx, seen, by, domain.Fail{Reason: by.Reason}, func(*domain.Order) *work.Control { return nil })
	switch {
	case err != nil:
		return Asked{}, err
	case o.Status().Ended():
		return asked(o, "nothing more happens to the order: no step of it had begun"), nil
	}
	return asked(o, "a free worker rolls back "+rollsBack(o, domain.StatusFailed)), nil
}

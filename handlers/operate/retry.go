package operate

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"orderflow/domain"
	"orderflow/domain/work"
)

// Retried is a new try of an order.
type Retried struct {
	Asked
	RetryOf domain.OrderID `json:"retry_of"`
	// Repeated says that the new try had been placed before.
	Repeated bool `json:"repeated"`
}

// Retry places an order anew that ended Failed or Cancelled: with the same customer, tracking id and detail, and no
// reservation of its own, since the tracking id goes on to name the first order. An order has one new try, whose id follows
// from its own: a repeat gives that one. If the new try fails, it can be retried in turn. It is a domain.ErrRule if the
// order has not ended, or has completed.
func (l OrderLevers) Retry(ctx context.Context, seen Seen, by By) (Retried, error) {
	if err := by.Check(); err != nil {
		return Retried{}, err
	}
	o, events, err := l.order(ctx, seen)
	if err != nil {
		return Retried{}, err
	}
	switch o.Status() {
	case domain.StatusFailed, domain.StatusCancelled:
	case domain.StatusCompleted:
		return Retried{}, standing(&o, ruleError(fmt.Sprintf("cannot retry order %s, which has completed", o.ID)))
	default:
		return Retried{}, standing(&o, ruleError(fmt.Sprintf("cannot retry order %s before it has ended", o.ID)))
	}
	u, err := work.Prepare(&domain.Order{ID: retryID(&o)}, by.metadata(events[len(events)-1]),
		domain.Place{TrackingID: o.TrackingID, Detail: o.Detail, Customer: o.Customer, RetryOf: o.ID})
	if err != nil {
		return Retried{}, err
	}
	again, err := l.place(ctx, u)
	if err != nil {
		return Retried{}, err
	}
	r := Retried{RetryOf: o.ID, Repeated: again.Version > 0}
	if !r.Repeated {
		placed, err := (&domain.Order{ID: u.OrderID}).After(u.Events)
		if err != nil {
			return Retried{}, err
		}
		r.Asked = asked(placed, "a free worker begins the new order with Scheduling")
		return r, nil
	}
	r.Asked = asked(&again, fmt.Sprintf("nothing changes: order %s is the new try, and is %s", again.ID, again.Status()))
	return r, nil
}

// ruleError is a domain.ErrRule.
type ruleError string

func (e ruleError) Error() string        { return string(e) }
func (e ruleError) Is(target error) bool { return target == domain.ErrRule }

// place appends the first event of a new try. If it is there already, place gives the order as it is now.
func (l OrderLevers) place(ctx context.Context, u work.Unit) (there domain.Order, err error) {
	err = l.Orders.Append(ctx, u, Beside{})
	if !errors.Is(err, domain.ErrConflict) {
		return there, err
	}
	there, _, err = l.order(ctx, Seen{ID: u.OrderID})
	if placed := u.Events[0].(domain.OrderPlaced); err == nil && there.RetryOf != placed.RetryOf {
		err = fmt.Errorf("%w: order %s is no new try of %s", domain.ErrCorrupt, u.OrderID, placed.RetryOf)
	}
	return there, err
}

// retryID is the id of the one new try that an order can have: a UUID of version 7 with the time at which the order ended,
// and a hash of the order's id in place of what is drawn at random.
func retryID(o *domain.Order) (id domain.OrderID) {
	sum := sha256.Sum256(append([]byte("retry of "), o.ID[:]...))
	copy(id[:], sum[:])
	var ended [8]byte
	binary.BigEndian.PutUint64(ended[:], uint64(o.EndedAt.UnixMilli()))
	copy(id[:6], ended[2:])
	id[6], id[8] = id[6]&0x0f|0x70, id[8]&0x3f|0x80
	return id
}

package handlers

import (
	"context"
	"fmt"
	"sync"

	"orderflow/domain"
	"orderflow/domain/work"
)

// Cut ends the time of the steps of orders that run here, if any of these orders is among them. Each is recorded as
// interrupted, with who wanted it, and its order, whose end was asked for, is rolled back.
func (s *Steps) Cut(orders map[domain.OrderID]work.Control) {
	if len(orders) > 0 {
		s.running.cut(orders)
	}
}

// running are the attempts of steps under way in this process.
type running struct {
	mu  sync.Mutex
	all map[*underWay]struct{} // an order may be here twice, while an attempt whose lease is lost comes to its end
}

type underWay struct {
	order domain.OrderID
	end   context.CancelCauseFunc
}

// add adds an attempt that end ends, and gives what takes it out.
func (r *running) add(id domain.OrderID, end context.CancelCauseFunc) (remove func()) {
	a := &underWay{id, end}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil {
		r.all = map[*underWay]struct{}{}
	}
	r.all[a] = struct{}{}
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.all, a)
	}
}

func (r *running) cut(orders map[domain.OrderID]work.Control) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for a := range r.all {
		if c, is := orders[a.order]; is {
			a.end(&cutShortError{c})
		}
	}
}

// cutShortError is why a step is not waited for.
type cutShortError struct{ by work.Control }

func (c *cutShortError) Error() string {
	return cut(fmt.Sprintf("cut short by %s, who cancels the order: %s", c.by.Actor, c.by.Reason))
}

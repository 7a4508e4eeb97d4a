package handlers

import (
	"context"
	"reflect"
	"slices"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/domain"
)

// counting counts how often an order is loaded.
type counting struct {
	Store
	loads int
}

func (c *counting) Load(ctx context.Context, id domain.OrderID) ([]domain.Recorded, error) {
	c.loads++
	return c.Store.Load(ctx, id)
}

func (c *counting) LoadAt(ctx context.Context, id domain.OrderID, position int64) ([]domain.Recorded, error) {
	c.loads++
	return c.Store.LoadAt(ctx, id, position)
}

func newCounted(t *testing.T) (*bench, *counting) {
	store := &counting{}
	b := newBench(t, func(c *StepsConfig) { store.Store, c.Store = c.Store, store })
	return b, store
}

// wantCarried says that what goes along with a lease is what is stored.
func (b *bench) wantCarried(l *hand) {
	b.t.Helper()
	o, stored := l.order, b.order(b.id)
	if o == nil || !reflect.DeepEqual(*o, stored) {
		b.t.Fatalf("with the lease of %s goes %+v, stored is %+v", l.Topic, o, stored)
	}
}

// pass has the first step handled, so that the second waits under the lease that is given,
// and goes on with the order.
func (b *bench) pass() (*hand, *message.Message) {
	b.t.Helper()
	msg, lease := b.claim("n1", 1)
	lease.may = always
	if err := b.handle(context.Background(), lease, msg); err != nil || lease.next == nil {
		b.t.Fatalf("the lease was not passed on (err %v)", err)
	}
	return lease.passed()
}

func TestSteps_Handler_carry(t *testing.T) {
	t.Run("an order that goes along is not loaded", func(t *testing.T) {
		b, store := newCounted(t)
		b.along(always)
		b.wantDone()
		if store.loads != 1 {
			t.Errorf("loaded %d times, want once, for the message that was claimed", store.loads)
		}
	})
	t.Run("nor one that was started when it was placed", func(t *testing.T) {
		b, store := newCounted(t)
		s := &slots{free: 1}
		b.id = domain.OrderID{2}
		if _, err := placeAs(t, b, s, b.id); err != nil {
			t.Fatal(err)
		}
		p, msg := s.delivered()
		b.wantCarried(p)
		if err := b.handle(t.Context(), p, msg); err != nil {
			t.Fatal(err)
		}
		b.wantLog(2, "completed Scheduling 1")
		if store.loads != 0 {
			t.Errorf("loaded %d times", store.loads)
		}
	})
	t.Run("it is what was stored, also after failed appends", func(t *testing.T) {
		b, _ := newCounted(t)
		b.fail(fault{}, fault{before: domain.ErrUnavailable}, fault{before: domain.ErrUnavailable})
		p, _ := b.pass()
		b.wantCarried(p)
	})
	t.Run("it goes along once", func(t *testing.T) {
		b, store := newCounted(t)
		p, msg := b.pass()
		b.exec.execute = func(context.Context, Work) error { panic("the step goes down") }
		if err := b.handle(t.Context(), p, msg); err != nil {
			t.Fatal(err)
		}
		if p.order != nil {
			t.Errorf("still with the lease: %+v", p.order)
		}
		b.exec.succeed()
		loads := store.loads
		b.must(1)
		b.wantLog(4, "interrupted PreProcessing 1: panic: the step goes down", "started PreProcessing 2 n1", "completed PreProcessing 2")
		if store.loads != loads+1 {
			t.Errorf("the second attempt loaded the order %d times, want once", store.loads-loads)
		}
	})
	t.Run("an outcome is decided anew on what others have stored meanwhile", func(t *testing.T) {
		b, store := newCounted(t)
		p, msg := b.pass()
		b.mu.Lock() // past the rules, since no operator can park a step that runs
		b.streams[b.id] = append(b.streams[b.id], b.record(domain.Metadata{}, b.id, domain.OrderParked{Step: domain.PreProcessing, Reason: "stop"}, 5))
		b.mu.Unlock()
		if err := b.handle(t.Context(), p, msg); err != nil {
			t.Fatal(err)
		}
		if p.next != nil || !p.settled {
			t.Errorf("passed on to %v, settled %v; a parked order does not go on", p.next, p.settled)
		}
		b.wantLog(4, "parked at PreProcessing: stop", "completed PreProcessing 1")
		if store.loads != 2 {
			t.Errorf("loaded %d times, want once more, for the conflict", store.loads)
		}
	})
	t.Run("the order of another message is not taken", func(t *testing.T) {
		b, store := newCounted(t)
		p, msg := b.pass()
		p.order = &domain.Order{ID: domain.OrderID{9}}
		if err := b.handle(t.Context(), p, msg); err != nil {
			t.Fatal(err)
		}
		if store.loads != 2 || !slices.Contains(b.log(), "completed PreProcessing 1") {
			t.Errorf("loaded %d times, and the log is %q", store.loads, b.log())
		}
	})
}

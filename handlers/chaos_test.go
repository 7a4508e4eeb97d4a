package handlers

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"

	"orderflow/domain"
)

var chaosSeed = flag.Uint64("chaos.seed", 0, "run TestSteps_Handler_chaos with this seed alone")

// Whatever goes wrong, in whatever order: the history stays legal (the cluster holds
// every event against the rules), and the order ends or is parked, with no message left
// over and none lost.
func TestSteps_Handler_chaos(t *testing.T) {
	seeds := []uint64{*chaosSeed}
	if *chaosSeed == 0 {
		seeds = seeds[:0]
		for range 300 {
			seeds = append(seeds, rand.Uint64())
		}
	}
	ends := map[domain.Status]int{}
	for _, seed := range seeds {
		synctest.Test(t, func(t *testing.T) { ends[chaos(t, seed)]++ })
		if t.Failed() {
			t.Fatalf("seed %d: repeat with -run chaos -chaos.seed=%d", seed, seed)
		}
	}
	if *chaosSeed == 0 && len(ends) != 3 {
		t.Errorf("orders ended %v, want some Completed, some Failed and some Parked", ends)
	}
}

func chaos(t *testing.T, seed uint64) domain.Status {
	random := rand.New(rand.NewPCG(seed, 0))
	b := newBench(t)
	var end context.CancelCauseFunc
	work := func(context.Context, Work) error {
		switch n := random.IntN(20); {
		case n < 2:
			panic("chaos")
		case n < 4:
			end(domain.ErrFenced) // the node is lost
			return context.Canceled
		case n < 6:
			return errors.New("chaos")
		}
		return nil
	}
	b.exec.execute, b.exec.compensate = work, work
	for tries := 0; b.left() > 0; tries++ {
		if tries > 200 {
			t.Errorf("no end after %d deliveries: %v", tries, b.log())
			break
		}
		var ctx context.Context
		ctx, end = context.WithCancelCause(t.Context())
		b.faults = nil
		for range 8 {
			b.fail(randomFault(random, end))
		}
		lease, err := b.deliver(ctx)
		if err != nil {
			b.lose(lease)
		}
		end(nil)
	}
	o := b.order(b.id)
	if parked := len(b.letters()) == 1; o.Parked != parked || !parked && !o.Status().Ended() {
		t.Errorf("the order is %s with %d dead letters: %v", o.Status(), len(b.letters()), b.log())
	}
	return o.Status()
}

func randomFault(random *rand.Rand, end context.CancelCauseFunc) fault {
	unavailable := fmt.Errorf("%w: chaos", domain.ErrUnavailable)
	switch random.IntN(12) {
	case 0:
		return fault{before: unavailable}
	case 1:
		return fault{after: unavailable}
	case 2:
		return fault{before: domain.ErrConflict}
	case 3:
		return fault{before: unavailable, hook: func() { end(domain.ErrFenced) }}
	case 4:
		return fault{after: unavailable, hook: func() { end(domain.ErrFenced) }}
	}
	return fault{}
}

package messaging

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/domain/work"
	"orderflow/transport/messaging/inflight"
)

func leaseAt(position int64) *inHand {
	return &inHand{lease: work.Lease{Row: work.Row{Group: "g", FirstTopic: "t", FirstPosition: position}, Topic: "t", Position: position, Attempt: 1}}
}

func wantBusy(t *testing.T, s *slots, want int) {
	t.Helper()
	if got := s.Busy(); got != want || s.Free() != max(s.size-want, 0) {
		t.Errorf("%d slots are busy and %d free, want %d busy of %d", got, s.Free(), want, s.size)
	}
}

func wantDrained(t *testing.T, s *slots, want bool) {
	t.Helper()
	if got := isClosed(s.drained); got != want {
		t.Errorf("drained is %v, want %v", got, want)
	}
}

// TestSlots_count: whatever happens to a slot, it counts once.
func TestSlots_count(t *testing.T) {
	s, a, b := newSlots(2), leaseAt(1), leaseAt(2)
	s.put(a, nil)
	s.put(a, nil)
	wantBusy(t, s, 1)
	s.put(b, a)
	wantBusy(t, s, 1)
	r := s.reserve(0)
	wantBusy(t, s, 2)
	if s.reserve(0) != nil {
		t.Error("a slot was reserved where none is free")
	}
	s.fill(r, a)
	wantBusy(t, s, 2)
	s.release(a, nil)
	s.release(a, nil)
	wantBusy(t, s, 1)
	s.release(b, &inflight.Ack{Lease: b.lease})
	wantBusy(t, s, 0)
}

// TestSlots_reserve: a reservation ends once, and is given only if nothing waits that goes first.
func TestSlots_reserve(t *testing.T) {
	t.Run("ends once", func(t *testing.T) {
		s := newSlots(2)
		r := s.reserve(0)
		if !s.fill(r, nil) {
			t.Error("it did not end")
		}
		if s.fill(r, leaseAt(1)) || s.fill(r, nil) {
			t.Error("it ended again")
		}
		wantBusy(t, s, 0)
	})
	t.Run("wakes the loop when its slot is free again", func(t *testing.T) {
		s := newSlots(1)
		s.fill(s.reserve(0), nil)
		select {
		case <-s.wake:
		default:
			t.Error("the loop was not woken")
		}
	})
	for name, c := range map[string]struct {
		waits             int
		reserves, mayPass bool
	}{
		"nothing waits":            {rankNothing, true, true},
		"a later topic waits":      {4, true, true},
		"the same topic waits":     {3, false, true},
		"an earlier topic waits":   {2, false, false},
		"something was given back": {rankReturned, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSlots(1)
			s.waits(c.waits)
			if got := s.mayPass(3); got != c.mayPass {
				t.Errorf("a message may be passed on: %v, want %v", got, c.mayPass)
			}
			if got := s.reserve(3) != nil; got != c.reserves {
				t.Errorf("a slot may be reserved: %v, want %v", got, c.reserves)
			}
		})
	}
}

// TestSlots_drain: nothing new begins, and drained is said when nothing is left, and not before.
func TestSlots_drain(t *testing.T) {
	t.Run("at once when nothing is there", func(t *testing.T) {
		s := newSlots(1)
		s.startDraining()
		wantDrained(t, s, true)
		s.startDraining() // again
	})
	t.Run("begins nothing", func(t *testing.T) {
		s := newSlots(2)
		s.startDraining()
		if s.reserve(0) != nil || s.mayPass(0) {
			t.Error("a slot was reserved, or may be passed on, while they drain")
		}
	})
	t.Run("after the last of each kind", func(t *testing.T) {
		s, h, reserved := newSlots(3), leaseAt(1), leaseAt(2)
		s.put(h, nil)
		r := s.reserve(0)
		s.beginRound()
		s.startDraining()
		steps := []func(){
			func() { s.fill(r, reserved) },
			func() { s.release(h, &inflight.Ack{Lease: h.lease}) },
			func() { s.release(reserved, nil) },
			func() {
				acks, _ := s.unstored()
				s.stored(acks)
			},
		}
		for _, step := range steps {
			step()
			wantDrained(t, s, false)
		}
		s.endRound()
		wantDrained(t, s, true)
	})
	t.Run("tells who waits", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s, h := newSlots(1), leaseAt(1)
			s.put(h, nil)
			s.startDraining()
			began := time.Now()
			go func() {
				time.Sleep(time.Minute)
				s.release(h, nil)
			}()
			<-s.drained
			if took := time.Since(began); took != time.Minute {
				t.Errorf("it took %s, want a minute", took)
			}
		})
	})
}

// TestSlots_acks: an acknowledgement stays until it is stored, also when others come meanwhile.
func TestSlots_acks(t *testing.T) {
	s, a, b := newSlots(2), leaseAt(1), leaseAt(2)
	s.put(a, nil)
	s.put(b, nil)
	s.release(a, &inflight.Ack{Lease: a.lease})
	acks, _ := s.unstored()
	s.release(b, &inflight.Ack{Lease: b.lease})
	if len(acks) != 1 || acks[0].Lease != a.lease {
		t.Fatalf("to be stored: %+v, want that of the first", acks)
	}
	s.stored(acks)
	if acks, _ = s.unstored(); len(acks) != 1 || acks[0].Lease != b.lease {
		t.Errorf("to be stored: %+v, want that of the second", acks)
	}
}

// TestSlots_Known: rows in hand or with an acknowledgement to be stored are known, and so is how long a
// row may have been there that is neither.
func TestSlots_Known(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, a, b, c := newSlots(4), leaseAt(1), leaseAt(2), leaseAt(3)
		s.put(a, nil)
		s.put(b, nil)
		s.put(c, nil)
		s.release(b, &inflight.Ack{Lease: b.lease})
		s.release(c, nil)
		began := time.Now()
		r := s.reserve(0)
		time.Sleep(time.Second)
		rows, since := s.Known()
		for h, want := range map[*inHand]bool{a: true, b: true, c: false} {
			if _, known := rows[inflight.KeyOf(h.lease)]; known != want {
				t.Errorf("%+v is known: %v, want %v", h.lease.Row, known, want)
			}
		}
		if !since.Equal(began) {
			t.Errorf("reserved since %s, want %s", since, began)
		}
		s.fill(r, nil)
		if _, since = s.Known(); !since.Equal(time.Now()) {
			t.Errorf("reserved since %s while nothing is, want the present", since)
		}
	})
}

// TestSubscription_send: a message is not delivered once draining has begun, though somebody would take it.
func TestSubscription_send(t *testing.T) {
	subs := &subscriptions{}
	x := subs.add(t.Context(), "t")
	go func() {
		for range x.out { // somebody who would take it
		}
	}()
	ended, end := context.WithCancel(t.Context())
	end()
	if x.send(t.Context(), nil, ended.Done()) || x.send(ended, nil, nil) {
		t.Error("a message was delivered after the end")
	}
}

package messaging

import (
	"context"
	"math"
	"sync"
	"time"

	"orderflow/domain/work"
	"orderflow/transport/messaging/inflight"
)

// Ranks of messages that wait for a slot, beside the ranks of topics (see Config.Topics). The lowest
// rank has precedence.
const (
	rankReturned = -1 // a message that was interrupted or given back
	rankNothing  = math.MaxInt
)

// slots are the places in which a node handles messages. A slot is free, or reserved for a message that is
// being appended, or kept for one that is being taken over, or it has a message in hand. Slots know neither the
// database nor Watermill.
//
// Once they drain, nothing new is begun. They are drained when all are free, no acknowledgement is still to
// be stored, and no round of claiming is under way, which may have begun before.
type slots struct {
	size     int
	wake     chan struct{}   // nudged when there is something to do for the loop
	draining context.Context // ends when nothing new may be begun
	drain    context.CancelFunc
	drained  chan struct{} // closed when nothing is left after that

	mu       sync.Mutex
	inHand   map[*inHand]struct{}
	reserved map[*reservation]struct{}
	kept     int            // for messages that are being taken over
	acks     []inflight.Ack // still to be stored
	inRound  bool
	first    int // the rank of the first message that waits for a slot
}

// inHand is a lease whose message is being delivered or handled.
type inHand struct {
	lease   work.Lease
	suspect bool // see Config.AloneAfter
}

// reservation is a slot for a message that is being appended. Its row may be there already, and nobody
// works on it until it is delivered.
type reservation struct{ since time.Time }

func newSlots(size int) *slots {
	s := &slots{
		size: size, wake: make(chan struct{}, 1), drained: make(chan struct{}), first: rankNothing,
		inHand: map[*inHand]struct{}{}, reserved: map[*reservation]struct{}{},
	}
	s.draining, s.drain = context.WithCancel(context.Background())
	return s
}

// busy is how many slots are not free. s.mu is held.
func (s *slots) busy() int { return len(s.inHand) + len(s.reserved) + s.kept }

// Busy is how many slots are not free.
func (s *slots) Busy() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.busy()
}

// Free is how many slots are free.
func (s *slots) Free() int { return max(s.size-s.Busy(), 0) }

// Known is inflight.Hand. A row is known until its acknowledgement has been stored.
func (s *slots) Known() (rows map[inflight.Key]struct{}, reserved time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rows, reserved = make(map[inflight.Key]struct{}, len(s.inHand)+len(s.acks)), time.Now()
	for h := range s.inHand {
		rows[inflight.KeyOf(h.lease)] = struct{}{}
	}
	for _, a := range s.acks {
		rows[inflight.KeyOf(a.Lease)] = struct{}{}
	}
	for r := range s.reserved {
		if r.since.Before(reserved) {
			reserved = r.since
		}
	}
	return rows, reserved
}

// put puts a message into the slot of the message before it, or into a free slot if before is nil. It may
// do so while slots drain, since the message is claimed already.
func (s *slots) put(h, before *inHand) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.inHand, before)
	s.inHand[h] = struct{}{}
}

// keep keeps free slots for messages that are about to be taken over, at most n, and gives how many. Those that were
// kept before are free.
func (s *slots) keep(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = 0
	s.kept = max(min(n, s.size-s.busy()), 0)
	return s.kept
}

// putFree puts a message into a free slot (see put).
func (s *slots) putFree(h *inHand) { s.put(h, nil) }

// putKept puts a message into a slot that was kept for it.
func (s *slots) putKept(h *inHand) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = max(s.kept-1, 0)
	s.inHand[h] = struct{}{}
}

// release frees the slot of a message. ack is its acknowledgement, if that is still to be stored; nil if
// not.
func (s *slots) release(h *inHand, ack *inflight.Ack) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.inHand, h)
	if ack != nil {
		s.acks = append(s.acks, *ack)
	}
	nudge(s.wake)
	s.quiet()
}

// reserve reserves a slot for a message of a rank. The answer is nil if no slot is free, if a message of
// the same or a lower rank waits, or if the slots drain.
func (s *slots) reserve(rank int) *reservation {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isDraining() || s.first <= rank || s.busy() >= s.size {
		return nil
	}
	r := &reservation{since: time.Now()}
	s.reserved[r] = struct{}{}
	return r
}

// fill ends a reservation: its slot has h in hand from now on, or is free if h is nil. If the reservation
// has ended before, fill does nothing and gives false.
func (s *slots) fill(r *reservation, h *inHand) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, is := s.reserved[r]; !is {
		return false
	}
	delete(s.reserved, r)
	if h != nil {
		s.inHand[h] = struct{}{}
		return true
	}
	nudge(s.wake)
	s.quiet()
	return true
}

// waits notes the rank of the first message that waits for a slot.
func (s *slots) waits(rank int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.first = rank
}

// mayPass says whether a message of a rank may take the slot of the message before it: not if a message of
// a lower rank waits, nor if the slots drain.
func (s *slots) mayPass(rank int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.isDraining() && s.first >= rank
}

// beginRound begins a round of the loop. What it claims may not be in a slot before it ends.
func (s *slots) beginRound() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inRound = true
}

// unstored are the acknowledgements that are still to be stored (see stored), and whether a suspect is in
// hand.
func (s *slots) unstored() (acks []inflight.Ack, suspect bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for h := range s.inHand {
		suspect = suspect || h.suspect
	}
	return s.acks[:len(s.acks):len(s.acks)], suspect
}

// stored removes acknowledgements, which have been stored. Others keep what unstored gave, so it is not written to.
func (s *slots) stored(acks []inflight.Ack) {
	gone := make(map[work.Lease]struct{}, len(acks))
	for _, a := range acks {
		gone[a.Lease] = struct{}{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var left []inflight.Ack
	for _, a := range s.acks {
		if _, is := gone[a.Lease]; !is {
			left = append(left, a)
		}
	}
	s.acks = left
}

// endRound ends a round of the loop.
func (s *slots) endRound() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inRound = false
	s.quiet()
}

// startDraining begins to drain.
func (s *slots) startDraining() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drain()
	nudge(s.wake)
	s.quiet()
}

func (s *slots) isDraining() bool { return s.draining.Err() != nil }

// quiet closes drained, if the slots are. s.mu is held.
func (s *slots) quiet() {
	if s.isDraining() && s.busy() == 0 && len(s.acks) == 0 && !s.inRound && !isClosed(s.drained) {
		close(s.drained)
	}
}

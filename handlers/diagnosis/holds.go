package diagnosis

import (
	"orderflow/domain"
	"orderflow/domain/work"
)

// known is a condition on parts of the facts, which must have been read.
func (s *situation) known(condition bool, parts ...Part) truth {
	if !s.read(parts...) {
		return unsure
	}
	return is(condition)
}

// What reasons are made of.

// open: the order can be worked on, as far as its history goes.
func (s *situation) open() truth {
	return s.known(s.whole && !s.order.Status().Ended(), PartEvents, PartForms)
}

func (s *situation) rolling() truth {
	if s.Listed != nil && s.due != nil { // the message knows better than lists
		return is(s.due.Topic == work.TopicRollback)
	}
	return s.known(s.order.Status() == domain.StatusRollingBack, PartEvents, PartForms)
}

// at: the message that is due is in a place.
func (s *situation) at(p place) truth {
	if s.place == somewhere {
		return unsure
	}
	return is(s.place == p)
}

// held: a node has it in hand. free: it is in flight, and nobody's.
func (s *situation) held() truth {
	return all(s.at(inHand), is(s.hold == nil || s.hold.Lease.Node != ""))
}

func (s *situation) free() truth {
	return all(s.at(inHand), is(s.hold == nil || s.hold.Lease.Node == ""))
}

// live: the registration of the node that has it is good. silent: that node has left out a heartbeat at least, since
// it sends one within half of the time that its registration is good for.
func (s *situation) live() truth {
	return s.known(s.holder != nil && !ended(*s.holder), PartNodes)
}

func (s *situation) silent() truth {
	n := s.holder
	return s.known(n != nil && !ended(*n) && 2*n.ExpiresAt.Sub(s.Now) < n.ExpiresAt.Sub(n.HeartbeatAt), PartNodes)
}

// interrupted: an attempt of the message that is in flight ended without an outcome.
func (s *situation) interrupted() truth {
	return all(s.at(inHand), is(s.hold == nil || s.hold.Lease.Interruptions > 0))
}

// later: the message that is in flight may not be claimed yet.
func (s *situation) later() truth {
	return all(s.at(inHand), s.known(s.hold == nil || s.hold.AvailableAt.After(s.Now), PartNodes))
}

// fresh: the message was written a moment ago, and a slot is free for it. A time to come is that of a node whose clock is
// wrong, and says nothing.
func (s *situation) fresh() truth {
	return s.known(s.workers != nil && s.workers.Slots > s.workers.Busy && s.Now.Sub(s.asked()).Abs() < grace, PartNodes)
}

// The reasons.

func (s *situation) unknown() truth {
	return s.known(len(s.Events) == 0 && s.Listed == nil, PartEvents)
}

func (s *situation) chainBroken() truth {
	return s.known(len(s.faults(true)) > 0, PartEvents)
}

func (s *situation) illegal() truth {
	return either(is(len(s.faults(false)) > 0), all(not(s.unknown()), s.known(!s.whole, PartEvents, PartForms)))
}

func (s *situation) ended() truth {
	return s.known(s.whole && s.order.Status().Ended(), PartEvents, PartForms)
}

func (s *situation) parked() truth {
	return all(s.open(), either(is(s.order.Parked), s.at(dead)))
}

// cancelRequested: a step has to end first, and a live node has it in hand.
func (s *situation) cancelRequested() truth {
	asked := s.known(s.order.Request.Made() && s.order.Running(), PartEvents, PartForms)
	return all(s.open(), asked, s.held(), s.live())
}

// stepPaused is not true while a node has the order in hand: it finishes the step.
func (s *situation) stepPaused() truth {
	return all(s.open(), s.known(s.pause() != nil, PartNodes), not(all(s.held(), s.live())))
}

func (s *situation) noWorker() truth {
	return all(s.open(), s.known(s.workers != nil && s.workers.Nodes == 0, PartNodes))
}

// allDraining is not true while one of these nodes has the order in hand: it finishes the step.
func (s *situation) allDraining() truth {
	w := s.workers
	return all(s.open(), s.known(w != nil && w.Nodes > 0 && w.Nodes == w.Draining, PartNodes), not(all(s.held(), s.live())))
}

func (s *situation) ownerLost() truth { return all(s.open(), s.held(), not(s.live())) }

func (s *situation) ownerSilent() truth { return all(s.open(), s.held(), s.live(), s.silent()) }

// worked: a node that gives signs of life has it in hand.
func (s *situation) worked() truth { return all(s.open(), s.held(), s.live(), not(s.silent())) }

func (s *situation) rollingBack() truth {
	return all(s.worked(), s.rolling(), not(s.interrupted()))
}

func (s *situation) compensationFailing() truth {
	return all(s.open(), s.rolling(), s.interrupted())
}

func (s *situation) retryScheduled() truth { return all(s.open(), s.free(), s.later()) }

func (s *situation) runningSlow() truth { return all(s.worked(), not(s.rolling()), s.slow()) }

func (s *situation) running() truth { return all(s.worked(), not(s.rolling()), not(s.slow())) }

func (s *situation) waitingForSlot() truth {
	waits := either(all(s.at(queued), not(s.fresh())), all(s.free(), not(s.later())))
	return all(s.open(), waits, not(s.stepPaused()), not(s.noWorker()), not(s.allDraining()))
}

func (s *situation) missing() truth { return all(s.open(), s.at(nowhere)) }

func (s *situation) viewBehind() truth {
	if s.Listed != nil {
		return s.listedBehind()
	}
	lacks := s.lacking()
	return s.known(lacks != nil && s.Now.Sub(lacks.RecordedAt) >= grace, PartEvents, PartView)
}

// listedBehind is viewBehind without the stream: a message that waits is of the last event.
func (s *situation) listedBehind() truth {
	if s.place != queued {
		return unsure
	}
	return is(s.due.Version > s.order.Version && s.Now.Sub(s.asked()) >= grace)
}

func (s *situation) justPlaced() truth {
	return all(s.open(), s.at(queued), s.fresh(), not(s.stepPaused()))
}

// faults are those of one kind.
func (s *situation) faults(chain bool) (some []Fault) {
	for _, f := range s.Facts.Faults {
		if f.Chain == chain {
			some = append(some, f)
		}
	}
	return some
}

// lacking is the first event that the view lacks; nil if it has all.
func (s *situation) lacking() *domain.Recorded {
	for i := range s.Events {
		if s.Events[i].Version > s.View.Version {
			return &s.Events[i]
		}
	}
	return nil
}

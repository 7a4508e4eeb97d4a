package messaging

import (
	"context"
	"errors"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/domain/work"
	"orderflow/transport/messaging/inflight"
)

const (
	// firstPause is the pause after a round that had something to do; it doubles up to
	// Config.IdlePoll while nothing is found.
	firstPause = 5 * time.Millisecond
	// longestPause is the pause between rounds that fail.
	longestPause = 2 * time.Second
	// roundTimeout bounds the database work of one round.
	roundTimeout = 15 * time.Second
)

// roundState is what the loop remembers from round to round.
type roundState struct {
	failed  bool      // the last writing transaction failed
	failing time.Time // since when rounds fail; zero if they do not
	pressed time.Time // when it last asked what waits while no slot was free
}

// Alive is how long ago the subscriber's loop last came round, whatever the database
// answered; without a subscription, how long ago the subscriber was made.
func (s *Subscriber) Alive() time.Duration {
	return time.Since(time.Unix(0, s.round.Load()))
}

// loop settles and claims, round by round, until the subscriber is closed.
func (s *Subscriber) loop() {
	defer close(s.loopDone)
	if s.conf.Bell != nil {
		defer s.conf.Bell.listen(s.wake, s.listens)()
	}
	pause := s.conf.firstPause
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-s.life.Done():
			s.lastRound()
			return
		case <-s.wake:
		case <-timer.C:
		}
		found, err := s.comeRound(s.work)
		s.round.Store(time.Now().UnixNano())
		s.conf.OnRound(err)
		pause = s.nextPause(pause, found, err)
		timer.Reset(pause)
	}
}

// nextPause is how long to wait after a round, unless something wakes the loop.
func (s *Subscriber) nextPause(pause time.Duration, found bool, err error) time.Duration {
	if err != nil {
		if s.rounds.failing.IsZero() {
			s.rounds.failing = time.Now()
		}
		pause = min(2*pause, longestPause)
		s.conf.Logger.Error("a round of claiming failed; trying again", err, watermill.LogFields{"group": s.conf.Group, "pause": pause.String()})
		return pause
	}
	if since := s.rounds.failing; !since.IsZero() {
		s.rounds.failing = time.Time{}
		s.conf.Logger.Info("claiming goes on", watermill.LogFields{"group": s.conf.Group, "after": time.Since(since).Round(time.Millisecond).String()})
	}
	if found {
		return s.conf.firstPause
	}
	pause = min(2*pause, s.conf.IdlePoll)
	if s.claims.Uncertain() {
		pause = min(pause, inflight.AdoptSoon)
	}
	return pause
}

func (s *Subscriber) listens(topic string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sub := range s.subs {
		if sub.topic == topic {
			return true
		}
	}
	return false
}

// comeRound settles what has ended and claims for the free slots. It says whether there
// was anything to do. A round with no free slot and nothing to settle asks the database
// nothing.
func (s *Subscriber) comeRound(ctx context.Context) (found bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, roundTimeout)
	defer cancel()
	tenure, in := s.conf.Tenure()
	s.mu.Lock()
	s.rounding = true
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.rounding = false
		s.quiet()
		s.mu.Unlock()
	}()
	var adoptErr error
	if in {
		adoptErr = s.adopt(ctx, tenure)
	}
	found, err = s.settleAndClaim(ctx, tenure, in)
	return found, errors.Join(adoptErr, err)
}

// adopt delivers messages that turn out to be claimed.
func (s *Subscriber) adopt(ctx context.Context, tenure work.Tenure) error {
	claims, err := s.claims.Adopt(ctx, tenure, s)
	if len(claims) > 0 {
		s.conf.Logger.Info("messages whose claim was not confirmed turned out to be claimed",
			watermill.LogFields{"group": s.conf.Group, "messages": len(claims), "answer_lost": s.claims.Uncertain()})
		s.deliver(tenure, claims)
	}
	return err
}

// settleAndClaim is a round without what is special to lost answers.
func (s *Subscriber) settleAndClaim(ctx context.Context, tenure work.Tenure, in bool) (found bool, err error) {
	s.mu.Lock()
	ended, free, topics := s.settle, s.conf.Slots-s.busy, s.topics()
	s.settle = nil
	r := inflight.Round{Tenure: tenure, Topics: topics, Suspect: s.handlesSuspect(), Acks: acks(ended)}
	claiming := in && !s.isDraining() && len(topics) > 0
	s.mu.Unlock()
	if s.rounds.failed && len(ended) > 0 {
		claiming = false // so that a claim that cannot be done does not keep acknowledgements from being stored
	}
	var sources []inflight.Source
	switch {
	case !claiming:
	case free == 0:
		err = s.press(ctx, r)
	default:
		r.Free = free
		if sources, err = s.claims.Sources(ctx, r); err == nil && len(sources) == 0 {
			s.waits(nil)
		}
	}
	if len(ended) == 0 && len(sources) == 0 {
		return false, err
	}
	taken, late, txErr := s.claims.Claim(ctx, r, sources)
	if s.rounds.failed = txErr != nil; s.rounds.failed {
		s.unsettle(ended)
		return false, txErr
	}
	for _, a := range late {
		s.conf.Logger.Info("a message was dealt with under a lease that had ended", watermill.LogFields(a.About).Add(watermill.LogFields{"acked": a.Done}))
	}
	switch {
	case r.Free == 0:
	case len(taken) < r.Free:
		s.waits(nil)
	default: // they fill the slots: more may wait where they were found
		s.waits(sources)
	}
	s.deliver(tenure, taken)
	return len(taken) > 0 || len(ended) > 0, err
}

// pressEvery is how often a node without a free slot asks whether something waits that
// goes before the next steps of its own orders.
const pressEvery = time.Second

// press finds out what waits when no slot is free.
func (s *Subscriber) press(ctx context.Context, r inflight.Round) error {
	if s.conf.Ordered || time.Since(s.rounds.pressed) < pressEvery {
		return nil
	}
	s.rounds.pressed = time.Now()
	sources, err := s.claims.Look(ctx, r)
	if err == nil {
		s.waits(sources)
	}
	return err
}

// waits notes what waits for a slot: the places left by a look and the claims after it.
func (s *Subscriber) waits(sources []inflight.Source) {
	first := int64(rankNothing)
	for _, x := range sources {
		if x.Returned {
			first = rankReturned
		}
		first = min(first, int64(s.rank(x.Topic)))
	}
	s.waiting.Store(first)
}

// handlesSuspect says whether a suspect is in hand. s.mu is held.
func (s *Subscriber) handlesSuspect() bool {
	for d := range s.inHand {
		if d.suspect {
			return true
		}
	}
	return false
}

// Known is for inflight.Hand.
func (s *Subscriber) Known() (rows map[inflight.Key]struct{}, reserved time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rows, reserved = make(map[inflight.Key]struct{}, len(s.inHand)+len(s.settle)), time.Now()
	for d := range s.inHand {
		rows[inflight.KeyOf(d.lease)] = struct{}{}
	}
	for _, e := range s.settle {
		rows[inflight.KeyOf(e.lease)] = struct{}{}
	}
	for r := range s.reserved {
		if r.since.Before(reserved) {
			reserved = r.since
		}
	}
	return rows, reserved
}

// Free is the number of free slots.
func (s *Subscriber) Free() int { return s.conf.Slots - s.Busy() }

// unsettle puts back what could not be settled, to be tried again.
func (s *Subscriber) unsettle(ended []settlement) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle = append(ended, s.settle...)
}

// lastRound waits for handlers whose contexts have ended and stores what they said.
func (s *Subscriber) lastRound() {
	s.startDraining()
	wait := time.NewTimer(s.conf.CloseWait)
	defer wait.Stop()
	for waiting := true; waiting && s.Busy() > 0; {
		select {
		case <-s.wake: // a delivery has ended
		case <-wait.C:
			waiting = false
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
	defer cancel()
	if _, err := s.comeRound(ctx); err != nil {
		s.conf.Logger.Error("the last acknowledgements were not stored; their messages will be delivered again", err,
			watermill.LogFields{"group": s.conf.Group})
	}
}

// settlement is the end of a delivery that the database has to hear of.
type settlement struct {
	lease work.Lease
	msg   *message.Message // for the log; nil if it could not be read
	done  bool             // acked; otherwise given back
	delay time.Duration    // before the next attempt
}

// acks are settlements for the database.
func acks(ended []settlement) []inflight.Ack {
	all := make([]inflight.Ack, len(ended))
	for i, e := range ended {
		all[i] = inflight.Ack{Lease: e.lease, Done: e.done, Delay: e.delay, About: workFields(e.lease, e.msg)}
	}
	return all
}

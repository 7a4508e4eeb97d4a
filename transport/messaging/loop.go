package messaging

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/domain/work"
	"orderflow/internal/crashpoint"
	"orderflow/schema"
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
	turn      int                   // moves where the next look begins among the partitions
	failed    bool                  // the last writing transaction failed
	failing   time.Time             // since when rounds fail; zero if they do not
	uncertain time.Time             // until then, a claim whose COMMIT was not answered may turn up
	adopted   time.Time             // when it was last looked for
	strays    map[heldKey]time.Time // rows that nobody here seems to know of, since when
	pressed   time.Time             // when it last asked what waits while no slot was free
	left      []source              // where the last claim left messages, for a while after looked
	looked    time.Time
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
	if time.Now().Before(s.rounds.uncertain) {
		pause = min(pause, adoptEvery)
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
	adoptErr := s.adoptLost(ctx, tenure, in)
	found, err = s.settleAndClaim(ctx, tenure, in)
	return found, errors.Join(adoptErr, err)
}

// settleAndClaim is a round without what is special to lost answers.
func (s *Subscriber) settleAndClaim(ctx context.Context, tenure work.Tenure, in bool) (found bool, err error) {
	s.mu.Lock()
	ended, free, query := s.settle, s.conf.Slots-s.busy, s.query
	s.settle = nil
	claiming := in && !s.isDraining() && len(query.topics) > 0
	s.mu.Unlock()
	if s.rounds.failed && len(ended) > 0 {
		claiming = false // so that a claim that cannot be done does not keep acknowledgements from being stored
	}
	var sources []source
	switch {
	case !claiming:
		free = 0
	case free == 0:
		err = s.press(ctx, query, tenure)
	default:
		sources, err = s.places(ctx, query, tenure.Node)
	}
	if len(ended) == 0 && len(sources) == 0 {
		return false, err
	}
	if len(sources) > 0 {
		crashpoint.Here("claim.begin")
	}
	taken, txErr := s.write(ctx, query, tenure, ended, sources, free)
	if s.rounds.failed = txErr != nil; s.rounds.failed {
		s.unsettle(ended)
		if errors.Is(txErr, schema.ErrCommit) {
			s.rounds.uncertain = time.Now().Add(uncertainty)
		}
		return false, txErr
	}
	passCommitted(taken)
	s.leftBy(sources, free, taken)
	s.deliver(tenure, taken)
	return len(taken) > 0 || len(ended) > 0, err
}

// passCommitted passes the points between the COMMIT of a claim and its delivery.
func passCommitted(claims []claim) {
	if len(claims) > 0 {
		crashpoint.Here("claim.committed")
	}
	if slices.ContainsFunc(claims, func(c claim) bool { return c.lease.Interruptions > 0 }) {
		crashpoint.Here("takeover.committed")
	}
}

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
	lease *work.Lease
	msg   *message.Message // for the log; nil if it could not be read
	done  bool             // acked; otherwise given back
	delay time.Duration    // before the next attempt
}

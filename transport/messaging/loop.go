package messaging

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill"

	"orderflow/domain"
	"orderflow/schema"
)

// firstPause is the pause after a poll that found nothing while there was work shortly
// before; it doubles up to Config.IdlePoll.
const firstPause = 5 * time.Millisecond

// roundTimeout bounds the database work of one round.
const roundTimeout = 15 * time.Second

// health is when the loop last came round without an error, in Unix nanoseconds.
type health struct{ last atomic.Int64 }

// Alive is how long ago the subscriber's loop last came round, database included.
func (s *Subscriber) Alive() time.Duration {
	return time.Since(time.Unix(0, s.health.last.Load()))
}

// loop settles and claims, round by round, until the subscriber is closed.
func (s *Subscriber) loop() {
	defer close(s.loopDone)
	if s.conf.Bell != nil {
		defer s.conf.Bell.listen(s.wake, s.listens)()
	}
	s.health.last.Store(time.Now().UnixNano())
	pause := firstPause
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
		s.adoptLost(s.life)
		found, err := s.round(s.life)
		switch {
		case err != nil && s.life.Err() == nil:
			s.conf.Logger.Error("claiming messages failed; trying again", err, watermill.LogFields{"group": s.conf.Group, "pause": pause.String()})
			pause = min(2*pause, 5*time.Second)
		case found:
			s.health.last.Store(time.Now().UnixNano())
			pause = firstPause
		default:
			s.health.last.Store(time.Now().UnixNano())
			pause = min(2*pause, s.conf.IdlePoll)
		}
		timer.Reset(pause)
	}
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

// round settles what has ended and claims for the free slots. It says whether it found
// anything to do. A round with no free slot and nothing to settle asks the database
// nothing.
func (s *Subscriber) round(ctx context.Context) (found bool, err error) {
	tenure, in := s.conf.Tenure()
	s.mu.Lock()
	ended, free, query := s.settle, s.conf.Slots-s.busy, s.query
	s.settle = nil
	if s.isDraining() || !in || len(query.topics) == 0 {
		free = 0
	}
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, roundTimeout)
	defer cancel()
	var sources []source
	if free > 0 {
		sources, err = s.look(ctx, query, tenure.Node)
	}
	if len(ended) == 0 && len(sources) == 0 {
		return false, err
	}
	claims, txErr := s.settleAndClaim(ctx, query, tenure, ended, sources, free)
	if txErr != nil {
		s.mu.Lock()
		s.settle = append(ended, s.settle...)
		s.mu.Unlock()
		if errors.Is(txErr, schema.ErrCommit) {
			s.uncertain = time.Now().Add(uncertainty)
		}
		return false, txErr
	}
	s.deliver(tenure, claims)
	return len(claims) > 0, err
}

// lastRound waits for handlers whose contexts have ended and stores what they said.
func (s *Subscriber) lastRound() {
	s.startDraining()
	wait := time.NewTimer(s.conf.CloseWait)
	defer wait.Stop()
	select {
	case <-s.idle:
	case <-wait.C:
	}
	if _, err := s.round(context.Background()); err != nil {
		s.conf.Logger.Error("the last acknowledgements were not stored; their messages will be delivered again", err,
			watermill.LogFields{"group": s.conf.Group})
	}
}

// settlement is the end of a delivery that the database has to hear of.
type settlement struct {
	lease *domain.Lease
	done  bool          // acked; otherwise given back
	delay time.Duration // before the next attempt
}

package messaging

import (
	"context"
	"errors"
	"time"

	"github.com/ThreeDotsLabs/watermill"

	"orderflow/schema"
	"orderflow/transport/messaging/inflight"
)

// makeOffsets makes the group's offsets of a topic, and waits for a database that is away:
// a node that has started is not to end because a connection broke. Once the subscriber
// drains it needs none.
func (s *Subscriber) makeOffsets(topic string) error {
	ctx, cancel := context.WithCancel(s.work)
	defer cancel()
	go func() {
		select {
		case <-s.draining:
			cancel()
		case <-ctx.Done():
		}
	}()
	for pause := s.conf.firstPause; ; pause = min(2*pause, longestPause) {
		err := s.tryOffsets(ctx, topic)
		switch {
		case s.isDraining():
			return nil
		case !away(err) || s.life.Err() != nil:
			return err
		}
		s.conf.Logger.Error("the offsets of a topic could not be made; trying again", err,
			watermill.LogFields{"group": s.conf.Group, "topic": topic, "pause": pause.String()})
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// tryOffsets does it once, for as long as a round may take.
func (s *Subscriber) tryOffsets(ctx context.Context, topic string) error {
	ctx, cancel := context.WithTimeout(ctx, roundTimeout)
	defer cancel()
	return inflight.MakeOffsets(ctx, s.db, s.conf.Group, topic)
}

// away says whether an error is one of a database that may answer later.
func away(err error) bool {
	for _, kind := range []error{schema.ErrUnavailable, schema.ErrTransient, context.DeadlineExceeded} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

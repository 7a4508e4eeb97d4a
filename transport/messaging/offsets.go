package messaging

import (
	"context"
	"errors"
	"time"

	"github.com/ThreeDotsLabs/watermill"

	"orderflow/schema"
)

// makeOffsets makes the group's offsets of a topic, and waits for a database that is away:
// a node that has started is not to end because a connection broke.
func (s *Subscriber) makeOffsets(topic string) error {
	pause := s.conf.firstPause
	for {
		ctx, cancel := context.WithTimeout(s.work, roundTimeout)
		err := s.initOffsets(ctx, topic)
		late := ctx.Err() != nil
		cancel()
		away := late || errors.Is(err, schema.ErrUnavailable) || errors.Is(err, schema.ErrTransient)
		if err == nil || !away || s.life.Err() != nil {
			return err
		}
		pause = min(2*pause, longestPause)
		s.conf.Logger.Error("the offsets of a topic could not be made; trying again", err,
			watermill.LogFields{"group": s.conf.Group, "topic": topic, "pause": pause.String()})
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-s.life.Done():
			timer.Stop()
			return err
		}
	}
}

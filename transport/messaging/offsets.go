package messaging

import (
	"context"
	"errors"
	"time"

	"orderflow/schema"
)

// makeOffsets makes the group's offsets of a topic with try. It waits for a database that is away, so that a
// node that has started does not end because a connection broke. While the slots drain it makes none.
func (l *loop) makeOffsets(topic string, try func(ctx context.Context, topic string) error) error {
	ctx, cancel := context.WithCancel(l.work)
	defer cancel()
	defer context.AfterFunc(l.slots.draining, cancel)()
	for pause := l.conf.firstPause; ; pause = min(2*pause, longestPause) {
		once, end := context.WithTimeout(ctx, roundTimeout)
		err := try(once, topic)
		end()
		switch {
		case l.slots.isDraining():
			return nil
		case !away(err) || l.life.Err() != nil:
			return err
		}
		l.conf.Logger.WithError(err).WithField("group", l.conf.Group).WithField("topic", topic).WithField("pause", pause.String()).
			Error("the offsets of a topic could not be made; trying again")
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
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

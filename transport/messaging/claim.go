package messaging

import (
	"context"
	"fmt"

	"github.com/ThreeDotsLabs/watermill"

	"orderflow/domain/work"
	"orderflow/internal/crashpoint"
	"orderflow/schema"
	"orderflow/transport/messaging/inflight"
)

// write is the one writing transaction of a round. It takes from as many of the sources,
// in their order, as its free slots and the order of its locks allow; what it leaves is
// found by the next round.
func (s *Subscriber) write(ctx context.Context, q queries, tenure work.Tenure, ended []settlement, sources []source, free int) ([]claim, error) {
	var claims []claim
	found := losses{}
	err := s.inTx(ctx, func(tx *schema.Tx) error {
		claims = nil
		clear(found)
		if err := s.settleEnded(ctx, tx, ended); err != nil {
			return err
		}
		var err error
		if claims, err = s.claimReturned(ctx, tx, q, tenure, sources, free, found); err != nil {
			return err
		}
		got, err := s.claimNew(ctx, tx, q, tenure, sources, free-len(claims))
		claims = append(claims, got...)
		if len(claims) > 0 {
			crashpoint.Here("claim.moved")
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("settle %d and claim up to %d messages: %w", len(ended), free, err)
	}
	s.conf.Losses.tell(found.list())
	return claims, nil
}

// settleEnded stores acks and nacks of messages whose handlers did not settle them. A
// lease that is no longer held needs nothing: the message is another node's.
func (s *Subscriber) settleEnded(ctx context.Context, tx *schema.Tx, ended []settlement) error {
	questions := make([]schema.Question, len(ended))
	for i, e := range ended {
		tell := func(rows int64) {
			if rows == 0 {
				s.conf.Logger.Info("a message was dealt with under a lease that had ended", workFields(e.lease, e.msg).Add(watermill.LogFields{"acked": e.done}))
			}
		}
		if e.done {
			questions[i] = inflight.Remove(e.lease, tell)
		} else {
			questions[i] = inflight.GiveBack(tx.Dialect(), e.lease, e.delay, tell)
		}
	}
	if err := tx.Ask(ctx, questions...); err != nil {
		return fmt.Errorf("settle: %w", err)
	}
	return nil
}

// most is how many messages of one source may be taken at once.
func (s *Subscriber) most(free int) int {
	if s.conf.Ordered {
		return min(free, 1)
	}
	return free
}

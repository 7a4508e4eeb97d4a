package handlers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/domain"
	"orderflow/domain/work"
)

// saidFor is how long a line about events that are newer than this program stands for all
// others: there may be one for every message.
const saidFor = time.Minute

// release gives a message back, since its order has events that this program does not
// understand. Nodes of the newer version do; nothing is wrong with the message, and nothing is
// counted against it.
func (s *Steps) release(ctx context.Context, msg *message.Message, why error) error {
	id, err := work.DecodePayload(msg.Payload)
	if err != nil {
		return err
	}
	if now := time.Now().UnixNano(); now-s.said.Load() > int64(saidFor) {
		s.said.Store(now)
		s.conf.Logger.WithError(why).WithField("order_id", id.String()).
			Warn("an order has events that this program does not understand; its messages are left to newer nodes")
	}
	_, err = s.appendUnder(ctx, work.DeliveryFrom(ctx), work.Unit{OrderID: id, Settle: work.SettleRelease})
	if err == nil || errors.Is(err, domain.ErrFenced) {
		return nil
	}
	return fmt.Errorf("give back message %s: %w", msg.UUID, err)
}

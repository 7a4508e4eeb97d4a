package messaging

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/schema"
	"orderflow/transport/messaging/inflight"
)

// ErrClosed is the error of a publisher or subscriber that has been closed.
var ErrClosed = errors.New("closed")

// Publisher is a message.Publisher for messages that no event caused. Work on orders
// goes through Outbox instead.
type Publisher struct {
	db     *schema.DB
	bell   *Bell
	logger watermill.LoggerAdapter

	mu     sync.RWMutex // held for reading while publishing
	closed bool
}

var _ message.Publisher = (*Publisher)(nil)

// NewPublisher makes a publisher that rings bell, which may be nil.
func NewPublisher(db *schema.DB, bell *Bell, logger watermill.LoggerAdapter) *Publisher {
	return &Publisher{db: db, bell: bell, logger: logger}
}

// Publish stores the messages in one transaction, in the order given: all of them, or none if it gives an
// error. After an error of kind schema.ErrCommit it is not known which. The first message's context is that
// of the transaction.
func (p *Publisher) Publish(topic string, messages ...*message.Message) error {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.closed {
		return fmt.Errorf("publish to %s: publisher %w", topic, ErrClosed)
	}
	if len(messages) == 0 {
		return nil
	}
	ctx := messages[0].Context()
	err := p.db.InTx(ctx, func(tx *schema.Tx) error {
		head, err := p.advance(ctx, tx, len(messages))
		if err != nil {
			return err
		}
		located := make(message.Messages, len(messages))
		for i, m := range messages {
			located[i] = withPosition(m.Copy(), logPosition{inflight.Unplaced, head + int64(i) + 1, time.Now()})
		}
		var c collector
		if err := c.insert(tx.Dialect(), p.logger, topic, located); err != nil {
			return err
		}
		return tx.Ask(ctx, c.questions()...)
	})
	if err != nil {
		return fmt.Errorf("publish %d messages to %s: %w", len(messages), topic, err)
	}
	if p.bell != nil {
		p.bell.Ring(topic)
	}
	return nil
}

// advance reserves n positions of the partition without events and gives the one before them. The row stays
// locked to the commit, so that messages become visible in order.
func (p *Publisher) advance(ctx context.Context, tx *schema.Tx, n int) (int64, error) {
	if _, err := tx.ExecContext(ctx, `UPDATE heads SET head = head + ?1 WHERE partition = ?2`, n, inflight.Unplaced); err != nil {
		return 0, err
	}
	var head int64
	err := tx.QueryRowContext(ctx, `SELECT head FROM heads WHERE partition = ?1`, inflight.Unplaced).Scan(&head)
	return head - int64(n), p.db.Translate(err)
}

// Close waits for Publish calls under way and refuses later ones.
func (p *Publisher) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	return nil
}

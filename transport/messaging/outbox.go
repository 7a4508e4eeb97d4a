package messaging

import (
	"context"
	"fmt"

	"github.com/ThreeDotsLabs/watermill"
	wsql "github.com/ThreeDotsLabs/watermill-sql/v3/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/domain"
	"orderflow/schema"
)

// Outbox writes messages in the transaction of the events that cause them.
type Outbox struct {
	bell   *Bell
	logger watermill.LoggerAdapter
}

// NewOutbox gives an outbox that rings bell, which may be nil, once messages are
// visible.
func NewOutbox(bell *Bell, logger watermill.LoggerAdapter) *Outbox {
	return &Outbox{bell: bell, logger: logger}
}

// Publish writes messages, which have their places in the log already, within tx.
func (o *Outbox) Publish(_ context.Context, tx *schema.Tx, messages []domain.OutboxMessage) error {
	var topics []string
	byTopic := map[string]message.Messages{}
	for _, m := range messages {
		if byTopic[m.Topic] == nil {
			topics = append(topics, m.Topic)
		}
		wm := message.NewMessage(m.UUID, m.Payload)
		for k, v := range m.Metadata {
			wm.Metadata.Set(k, v)
		}
		byTopic[m.Topic] = append(byTopic[m.Topic], withPlace(wm, place{m.Partition, m.Position, m.At}))
	}
	for _, topic := range topics {
		if err := publish(tx, o.logger, topic, byTopic[topic]); err != nil {
			return err
		}
	}
	return nil
}

// Committed wakes the subscribers of this process.
func (o *Outbox) Committed(topics []string) {
	if o.bell != nil {
		o.bell.Ring(topics...)
	}
}

// publish sends placed messages through watermill-sql's Publisher, within tx.
func publish(tx *schema.Tx, logger watermill.LoggerAdapter, topic string, messages message.Messages) error {
	if err := validTopic(topic); err != nil {
		return err
	}
	p, err := wsql.NewPublisher(tx, wsql.PublisherConfig{SchemaAdapter: SchemaAdapter{Dialect: tx.Dialect()}}, logger)
	if err != nil {
		return err
	}
	return schema.Rows(len(messages), outboxColumns, func(from, to int, _ string) error {
		if err := p.Publish(topic, messages[from:to]...); err != nil {
			return fmt.Errorf("publish to %s: %w", topic, err)
		}
		return nil
	})
}

package messaging

import (
	"fmt"

	"github.com/ThreeDotsLabs/watermill"
	wsql "github.com/ThreeDotsLabs/watermill-sql/v3/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/domain/work"
	"orderflow/schema"
	"orderflow/transport/messaging/inflight"
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

// Insert gives the statements that write messages, which have their places in the log
// already.
func (o *Outbox) Insert(d schema.Dialect, messages []work.OutboxMessage) ([]schema.Question, error) {
	var topics []string
	byTopic := map[string]message.Messages{}
	for _, m := range messages {
		if byTopic[m.Topic] == nil {
			topics = append(topics, m.Topic)
		}
		wm := &message.Message{UUID: m.UUID, Payload: m.Payload, Metadata: m.Metadata} // it is only read
		byTopic[m.Topic] = append(byTopic[m.Topic], withPlace(wm, place{m.Partition, m.Position, m.At}))
	}
	var questions []schema.Question
	for _, topic := range topics {
		inserts, err := insert(d, o.logger, topic, byTopic[topic])
		if err != nil {
			return nil, err
		}
		questions = append(questions, inserts...)
	}
	return questions, nil
}

// Committed wakes the subscribers of this process.
func (o *Outbox) Committed(topics []string) {
	if o.bell != nil {
		o.bell.Ring(topics...)
	}
}

// insert has watermill-sql's Publisher write placed messages, and gives its statements.
func insert(d schema.Dialect, logger watermill.LoggerAdapter, topic string, messages message.Messages) ([]schema.Question, error) {
	if err := inflight.ValidTopic(topic); err != nil {
		return nil, err
	}
	var c collector
	p, err := wsql.NewPublisher(&c, wsql.PublisherConfig{SchemaAdapter: SchemaAdapter{Dialect: d}}, logger)
	if err != nil {
		return nil, err
	}
	err = schema.Rows(len(messages), outboxColumns, func(from, to int, _ string) error {
		if err := p.Publish(topic, messages[from:to]...); err != nil {
			return fmt.Errorf("publish to %s: %w", topic, err)
		}
		return nil
	})
	return c.questions, err
}

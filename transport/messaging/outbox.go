package messaging

import (
	"context"
	"database/sql"
	"database/sql/driver"
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

// NewOutbox makes an outbox that rings bell, which may be nil, once messages are visible.
func NewOutbox(bell *Bell, logger watermill.LoggerAdapter) *Outbox {
	return &Outbox{bell: bell, logger: logger}
}

// Insert gives the statements that write messages at their positions in the log.
func (o *Outbox) Insert(d schema.Dialect, messages []work.OutboxMessage) ([]schema.Question, error) {
	var topics []string
	byTopic := map[string]message.Messages{}
	for _, m := range messages {
		if byTopic[m.Topic] == nil {
			topics = append(topics, m.Topic)
		}
		wm := &message.Message{UUID: m.UUID, Payload: m.Payload, Metadata: m.Metadata} // it is only read
		byTopic[m.Topic] = append(byTopic[m.Topic], withPosition(wm, logPosition{m.Partition, m.Position, m.At}))
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

// insert has watermill-sql's Publisher write messages that have a position, and gives its statements.
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

// collector stands in for the database towards watermill-sql's Publisher. It keeps the statements that the
// Publisher would run, so that they share a round trip with those of the events.
type collector struct {
	wsql.ContextExecutor // nil: a Publisher inserts, by ExecContext, and does nothing else
	questions            []schema.Question
}

// ExecContext keeps a statement. How many rows it will change is not known yet, and the
// Publisher does not ask.
func (c *collector) ExecContext(_ context.Context, query string, args ...any) (sql.Result, error) {
	c.questions = append(c.questions, schema.Question{Query: query, Args: args})
	return driver.ResultNoRows, nil
}

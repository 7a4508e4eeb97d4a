package messaging

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"

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
	var c collector
	for _, topic := range topics {
		if err := c.insert(d, o.logger, topic, byTopic[topic]); err != nil {
			return nil, err
		}
	}
	return c.questions(), nil
}

// Committed wakes the subscribers of this process.
func (o *Outbox) Committed(topics []string) {
	if o.bell != nil {
		o.bell.Ring(topics...)
	}
}

// collector stands in for the database towards watermill-sql's Publisher. It keeps the rows that the Publisher
// would insert, so that they share a statement and a round trip with others.
type collector struct {
	wsql.ContextExecutor // nil: a Publisher inserts, by ExecContext, and does nothing else
	into                 string
	rows                 []any
}

// insert has watermill-sql's Publisher write messages that have a position.
func (c *collector) insert(d schema.Dialect, logger watermill.LoggerAdapter, topic string, messages message.Messages) error {
	if err := inflight.ValidTopic(topic); err != nil {
		return err
	}
	p, err := wsql.NewPublisher(c, wsql.PublisherConfig{SchemaAdapter: SchemaAdapter{Dialect: d}}, logger)
	if err != nil {
		return err
	}
	for some := range slices.Chunk(messages, maxInsert) {
		if err := p.Publish(topic, some...); err != nil {
			return fmt.Errorf("publish to %s: %w", topic, err)
		}
	}
	return nil
}

// ExecContext keeps the rows of an InsertQuery. How many rows it will change is not known yet, and the
// Publisher does not ask.
func (c *collector) ExecContext(_ context.Context, query string, args ...any) (sql.Result, error) {
	into, _, _ := strings.Cut(query, "VALUES")
	c.into, c.rows = into, append(c.rows, args...)
	return driver.ResultNoRows, nil
}

// questions insert what was collected.
func (c *collector) questions() []schema.Question {
	if len(c.rows) == 0 {
		return nil
	}
	return []schema.Question{{Query: c.into + "VALUES *", Args: c.rows, Width: outboxColumns}}
}

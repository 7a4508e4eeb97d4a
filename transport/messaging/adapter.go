package messaging

import (
	"database/sql"
	"encoding/json"
	"fmt"

	wsql "github.com/ThreeDotsLabs/watermill-sql/v3/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/schema"
)

// SchemaAdapter is watermill-sql's view of the outbox: one table for all topics, in
// either dialect. Tables are made by migrations, never here.
type SchemaAdapter struct {
	Dialect schema.Dialect
}

var _ wsql.SchemaAdapter = SchemaAdapter{}

const outboxColumns = 7

// InsertQuery inserts the messages at their places in the log. There may be 73 at most
// (schema.Rows makes such parts).
func (a SchemaAdapter) InsertQuery(topic string, messages message.Messages) (wsql.Query, error) {
	q := wsql.Query{Args: make([]any, 0, len(messages)*outboxColumns)}
	for _, m := range messages {
		p, err := placeOf(m)
		if err != nil {
			return wsql.Query{}, fmt.Errorf("message %s: %w", m.UUID, err)
		}
		metadata, err := json.Marshal(m.Metadata)
		if err != nil {
			return wsql.Query{}, fmt.Errorf("message %s: metadata: %w", m.UUID, err)
		}
		payload := []byte(m.Payload)
		if payload == nil {
			payload = []byte{}
		}
		q.Args = append(q.Args, topic, p.partition, p.position, m.UUID, payload, string(metadata), schema.TimeArg(p.at))
	}
	err := schema.Rows(len(messages), outboxColumns, func(_, to int, values string) error {
		if to < len(messages) {
			return fmt.Errorf("%d messages in one insert are too many", len(messages))
		}
		q.Query = `INSERT INTO outbox (topic, partition, position, uuid, payload, metadata, created_at) VALUES ` + values
		return nil
	})
	return q, err
}

// SelectQuery reads the messages of a topic in the order in which they were placed,
// after the group's offset. Subscriber does not use it: it claims in parts, by partition.
func (a SchemaAdapter) SelectQuery(topic, group string, _ wsql.OffsetsAdapter) wsql.Query {
	return wsql.Query{Query: a.Dialect.Rebind(`SELECT m.position, m.uuid, m.payload, m.metadata FROM outbox m
		JOIN consumer_offsets o ON o.consumer_group = ?1 AND o.topic = m.topic AND o.partition = m.partition
		WHERE m.topic = ?2 AND m.position > o.position ORDER BY m.partition, m.position`), Args: []any{group, topic}}
}

// UnmarshalMessage reads a row of SelectQuery.
func (a SchemaAdapter) UnmarshalMessage(row wsql.Scanner) (wsql.Row, error) {
	var r wsql.Row
	if err := row.Scan(&r.Offset, &r.UUID, &r.Payload, &r.Metadata); err != nil {
		return wsql.Row{}, fmt.Errorf("scan a message: %w", err)
	}
	m, err := newMessage(string(r.UUID), r.Payload, r.Metadata)
	r.Msg = m
	return r, err
}

// SchemaInitializingQueries is empty: migrations make the tables.
func (SchemaAdapter) SchemaInitializingQueries(string) []wsql.Query { return nil }

// SubscribeIsolationLevel is read committed: rows are locked by updating them.
func (SchemaAdapter) SubscribeIsolationLevel() sql.IsolationLevel { return sql.LevelReadCommitted }

func newMessage(uuid string, payload, metadata []byte) (*message.Message, error) {
	m := message.NewMessage(uuid, payload)
	if err := json.Unmarshal(metadata, &m.Metadata); err != nil {
		return nil, fmt.Errorf("message %s: metadata: %w", uuid, err)
	}
	return m, nil
}

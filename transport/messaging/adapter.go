package messaging

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	wsql "github.com/ThreeDotsLabs/watermill-sql/v3/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/domain"
	"orderflow/schema"
	"orderflow/transport/messaging/inflight"
)

// logPosition is where in the log a message belongs. It travels in the message's context from Outbox to
// SchemaAdapter, because Watermill's Publisher stands in between.
type logPosition struct {
	partition int
	position  int64
	at        time.Time
}

type logPositionKey struct{}

var errNoPosition = errors.New("the message has no place in the log: publish it through Outbox or Publisher")

func withPosition(m *message.Message, p logPosition) *message.Message {
	m.SetContext(context.WithValue(m.Context(), logPositionKey{}, p))
	return m
}

func positionOf(m *message.Message) (logPosition, error) {
	p, ok := m.Context().Value(logPositionKey{}).(logPosition)
	if !ok {
		return logPosition{}, errNoPosition
	}
	return p, nil
}

// SchemaAdapter tells watermill-sql of the outbox: one table for all topics, in either dialect. Its
// Publisher calls InsertQuery. Nothing in this program calls SelectQuery and UnmarshalMessage, which only
// watermill-sql's own Subscriber would: they are there for the interface. Migrations make the tables.
type SchemaAdapter struct {
	Dialect schema.Dialect
}

var _ wsql.SchemaAdapter = SchemaAdapter{}

const outboxColumns = 7

// maxInsert is how many messages one statement inserts; SQL Server takes 2,100
// arguments. Publisher and Outbox send more in several statements.
const maxInsert = 256

// maxUUID is how many bytes of a UUID the tables hold.
const maxUUID = 128

// InsertQuery inserts up to 256 messages at their positions in the log, which Publisher or Outbox gave
// them. A UUID may have 128 bytes.
func (a SchemaAdapter) InsertQuery(topic string, messages message.Messages) (wsql.Query, error) {
	if len(messages) == 0 || len(messages) > maxInsert {
		return wsql.Query{}, fmt.Errorf("%w: %d messages in one statement (1 to %d)", domain.ErrInvalid, len(messages), maxInsert)
	}
	q := wsql.Query{Args: make([]any, 0, len(messages)*outboxColumns)}
	for _, m := range messages {
		p, err := positionOf(m)
		if err != nil {
			return wsql.Query{}, fmt.Errorf("message %s: %w", m.UUID, err)
		}
		if len(m.UUID) > maxUUID {
			return wsql.Query{}, fmt.Errorf("%w: message %.40s...: the UUID has %d bytes (%d at most)", domain.ErrInvalid, m.UUID, len(m.UUID), maxUUID)
		}
		payload := []byte(m.Payload)
		if payload == nil {
			payload = []byte{}
		}
		q.Args = append(q.Args, topic, p.partition, p.position, m.UUID, payload, inflight.MarshalMetadata(m.Metadata), schema.TimeArg(p.at))
	}
	q.Query = `INSERT INTO outbox (topic, partition, position, uuid, payload, metadata, created_at) VALUES ` + schema.Values(len(messages), outboxColumns)
	return q, nil
}

// SelectQuery reads the messages of a topic that are after the group's offset, in the order of the log.
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
	read, err := inflight.UnmarshalMetadata(uuid, metadata)
	m.Metadata = read
	return m, err
}

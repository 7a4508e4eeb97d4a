package inflight

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/schema"
)

// Met is a message that was met somewhere. Those that no event of an order caused have no order.
type Met struct {
	OrderID domain.OrderID
	work.Cause
}

// Queued is a message that waits in the outbox.
type Queued struct {
	Met
	WrittenAt time.Time
}

// InFlight is a message that is in flight.
type InFlight struct {
	Met
	Held
}

// GivenUp is a message that is a dead letter.
type GivenUp struct {
	Met
	Letter DeadLetter
}

// caused names the order and the event of a message.
func (m *Met) caused(uuid string) {
	text, number, _ := strings.Cut(uuid, ":")
	id, bad := domain.ParseOrderID(text)
	version, err := strconv.Atoi(number)
	if bad == nil && err == nil {
		m.OrderID, m.Version = id, version
	}
}

// ReadQueued asks one question: the messages that wait in the outbox, by topic, partition and position, at most so many
// of each topic and partition.
func ReadQueued(ctx context.Context, in schema.Reader, group string, partitions, most int) (all []Queued, err error) {
	sources := make([]string, 0, partitions*len(work.Topics()))
	for _, topic := range work.Topics() {
		for p := range partitions {
			sources = append(sources, fmt.Sprintf(`SELECT '%s' AS topic, %d AS partition`, topic, p))
		}
	}
	claimed := `SELECT s.topic, s.partition, COALESCE(o.position, 0) AS position FROM (` + strings.Join(sources, ` UNION ALL `) + `) s
		LEFT JOIN consumer_offsets o ON o.consumer_group = ?1 AND o.topic = s.topic AND o.partition = s.partition`
	const waits, columns = `m.topic = c.topic AND m.partition = c.partition AND m.position > c.position`, `m.topic, m.partition, m.position, m.uuid, m.created_at`
	text := `SELECT ` + columns + ` FROM (` + claimed + `) c CROSS JOIN outbox m WHERE ` + waits + ` AND m.position < COALESCE((
		SELECT m.position FROM outbox m WHERE ` + waits + ` ORDER BY m.position LIMIT 1 OFFSET ?2), 9223372036854775807)`
	if in.Dialect().Name() == "sqlserver" {
		text = `SELECT m.topic, m.partition, m.position, m.uuid, m.created_at FROM (` + claimed + `) c CROSS APPLY (
			SELECT TOP (?2) ` + columns + ` FROM outbox m WHERE ` + waits + ` ORDER BY m.position) m`
	}
	all, err = met(ctx, in, func(rows *sql.Rows, q *Queued, uuid *string) (*Met, error) {
		var written schema.Time
		err := rows.Scan(&q.Topic, &q.Partition, &q.Position, uuid, &written)
		q.WrittenAt = written.Time
		return &q.Met, err
	}, text+` ORDER BY m.topic, m.partition, m.position`, group, most)
	if err != nil {
		return nil, fmt.Errorf("look for the messages that wait: %w", err)
	}
	return all, nil
}

// ReadInFlight asks one question: the messages in flight, at most so many.
func ReadInFlight(ctx context.Context, in schema.Reader, group string, most int) (all []InFlight, err error) {
	all, err = met(ctx, in, func(rows *sql.Rows, f *InFlight, uuid *string) (*Met, error) {
		l := &f.Lease
		l.Group = group
		var claimed, available schema.Time
		err := rows.Scan(uuid, &l.Topic, &l.Partition, &l.Position, &l.FirstTopic, &l.FirstPosition,
			&l.Node, &l.Epoch, &l.Attempt, &l.Interruptions, &claimed, &available)
		f.ClaimedAt, f.AvailableAt = claimed.Time, available.Time
		f.Topic, f.Partition, f.Position = l.Topic, l.Partition, l.Position
		return &f.Met, err
	}, `SELECT uuid, topic, partition, position, first_topic, first_position, node, epoch, attempt, interruptions, claimed_at, available_at
		FROM inflight WHERE consumer_group = ?1 ORDER BY first_topic, partition, first_position `+in.Dialect().Limit("?2"), group, most)
	if err != nil {
		return nil, fmt.Errorf("look for the messages in flight: %w", err)
	}
	return all, nil
}

// ReadGivenUp asks one question: the dead letters without their reasons, at most so many.
func ReadGivenUp(ctx context.Context, in schema.Reader, group string, most int) (all []GivenUp, err error) {
	all, err = met(ctx, in, func(rows *sql.Rows, g *GivenUp, uuid *string) (*Met, error) {
		k := &g.Letter
		k.Group = group
		var parked schema.Time
		err := rows.Scan(uuid, &k.Topic, &k.Partition, &k.Position, &k.Attempt, &k.Interruptions, &parked)
		k.ParkedAt = parked.Time
		g.Cause = work.Cause{Topic: k.Topic, Partition: k.Partition, Position: k.Position}
		return &g.Met, err
	}, `SELECT uuid, topic, partition, position, attempt, interruptions, parked_at
		FROM dead_letters WHERE consumer_group = ?1 ORDER BY topic, partition, position `+in.Dialect().Limit("?2"), group, most)
	if err != nil {
		return nil, fmt.Errorf("look for the dead letters: %w", err)
	}
	return all, nil
}

// met reads the rows of messages.
func met[T any](ctx context.Context, in schema.Reader, scan func(*sql.Rows, *T, *string) (*Met, error), query string, args ...any) (all []T, err error) {
	err = in.Read(ctx, func(rows *sql.Rows) error {
		all = nil
		for rows.Next() {
			var one T
			var uuid string
			m, err := scan(rows, &one, &uuid)
			if err != nil {
				return err
			}
			m.caused(uuid)
			all = append(all, one)
		}
		return nil
	}, query, args...)
	return all, err
}

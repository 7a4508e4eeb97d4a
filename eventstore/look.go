package eventstore

import (
	"context"
	"database/sql"
	"fmt"
	"math"

	"orderflow/domain"
	"orderflow/schema"
)

// LookAt gives all events of an order in order of version, as one question of a look; none if there is no such order.
// An event that cannot be decoded is given without its Event, and tell gets the reason; it is an error if tell is nil.
func (s reader) LookAt(ctx context.Context, in schema.Reader, id domain.OrderID, tell func(domain.Recorded, error)) ([]domain.Recorded, error) {
	events, err := s.collectIn(ctx, in, page{rows: 10, bytes: math.MaxInt, tell: tell}, seek(in.Dialect())+` WHERE stream_id = ?1 ORDER BY version`, id[:])
	if err != nil {
		return nil, fmt.Errorf("load order %s: %w", id, err)
	}
	return events, nil
}

// LookAtVersion is the version of an order's last event, as one question of a look; 0 if there is no such order.
func (s reader) LookAtVersion(ctx context.Context, in schema.Reader, id domain.OrderID) (version int, err error) {
	err = in.Read(ctx, func(rows *sql.Rows) error {
		version = 0
		if rows.Next() {
			return rows.Scan(&version)
		}
		return nil
	}, `SELECT version FROM events`+seek(in.Dialect())+` WHERE stream_id = ?1 ORDER BY version DESC `+in.Dialect().Limit("1"), id[:])
	if err != nil {
		return 0, fmt.Errorf("version of order %s: %w", id, classify(err))
	}
	return version, nil
}

// LookAtAll is LookAt for several orders, whose events are given by order.
func (s reader) LookAtAll(ctx context.Context, in schema.Reader, ids []domain.OrderID, tell func(domain.Recorded, error)) (map[domain.OrderID][]domain.Recorded, error) {
	streams := make(map[domain.OrderID][]domain.Recorded, len(ids))
	err := schema.AnyOf(in.Dialect(), "stream_id", keys(ids), func(condition string, args []any) error {
		events, err := s.collectIn(ctx, in, page{rows: len(args), bytes: math.MaxInt, tell: tell}, seek(in.Dialect())+` WHERE `+condition+` ORDER BY stream_id, version`, args...)
		for _, e := range events {
			streams[e.OrderID] = append(streams[e.OrderID], e)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("load %d orders: %w", len(ids), err)
	}
	return streams, nil
}

// LookAtVersions is LookAtVersion for several orders.
func (s reader) LookAtVersions(ctx context.Context, in schema.Reader, ids []domain.OrderID) (map[domain.OrderID]int, error) {
	ends := streamEnds{}
	for _, q := range ends.read(in.Dialect(), keys(ids)) {
		if err := in.Read(ctx, q.Read, q.Query, q.Args...); err != nil {
			return nil, fmt.Errorf("versions of %d orders: %w", len(ids), classify(err))
		}
	}
	versions := make(map[domain.OrderID]int, len(ends))
	for id, end := range ends {
		versions[id] = end.version
	}
	return versions, nil
}

func keys(ids []domain.OrderID) []any {
	all := make([]any, len(ids))
	for i := range ids {
		all[i] = ids[i][:]
	}
	return all
}

// Partitions is how many partitions the log has, numbered from 0.
func (s reader) Partitions() int { return s.partitions }

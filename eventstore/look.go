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

package check

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"orderflow/domain"
	"orderflow/schema"
)

// oneClock is the migration since which an order and its reservations have the same time to the microsecond.
// Before it, a program read the clock once for each, so that a reservation may be a little older than its order.
const oneClock = 6

// moment is how much older such a reservation may be.
const moment = time.Second

// reservations checks every reservation: that a search finds it, that its order is there, and that
// it says of the order what the order's first event says.
func (s *keySearch) reservations(ctx context.Context) error {
	exact, err := s.exactFrom(ctx)
	if err != nil {
		return err
	}
	for after := []byte{}; ; {
		page, err := s.page(ctx, after)
		if err != nil {
			return fmt.Errorf("read the reservations after %x: %w", after, err)
		}
		if err := s.reserved(ctx, page, exact); err != nil {
			return err
		}
		if len(page) < s.conf.Page {
			return nil
		}
		last := page[len(page)-1].hash
		if bytes.Compare(last, after) <= 0 {
			return fmt.Errorf("%w: reservation %x follows %x", domain.ErrCorrupt, last, after)
		}
		after = last
		s.progress()
	}
}

// exactFrom is when the migration oneClock was applied.
func (s *keySearch) exactFrom(ctx context.Context) (time.Time, error) {
	all, err := s.db.Migrations(ctx)
	for _, m := range all {
		if m.Version == oneClock {
			return m.At, err
		}
	}
	return time.Time{}, err
}

func (s *keySearch) page(ctx context.Context, after []byte) ([]reservation, error) {
	return schema.Collect(ctx, s.db, scanReservation,
		`SELECT `+reservationColumns+` FROM reservations r WHERE r.key_hash > ?1 ORDER BY r.key_hash `+s.db.Dialect().Limit("?2"), after, s.conf.Page)
}

// reserved checks the reservations of a page.
func (s *keySearch) reserved(ctx context.Context, page []reservation, exact time.Time) error {
	var hashes, orders []any
	for _, h := range page {
		hashes, orders = append(hashes, h.hash), append(orders, h.order)
	}
	found, err := s.seek(ctx, hashes)
	if err != nil {
		return err
	}
	firsts, err := s.firsts(ctx, orders)
	if err != nil {
		return err
	}
	for i, h := range page {
		s.report.Keys++
		var what string
		switch {
		case len(h.hash) != sha256.Size || len(h.order) != len(domain.OrderID{}):
			what = "its key or its order has not the length of one"
		case i > 0 && bytes.Compare(page[i-1].hash, h.hash) >= 0:
			what = fmt.Sprintf("it follows reservation %x", page[i-1].hash)
		case !bytes.Equal(found[[sha256.Size]byte(h.hash)].order, h.order):
			what = "it is there, and a search by its key does not find it"
		default:
			what = s.unlike(h, firsts[domain.OrderID(h.order)], exact)
		}
		if what != "" {
			s.found(Violation{Kind: Key, OrderID: orderText(h.order), Partition: -1, What: fmt.Sprintf("reservation %x: %s", h.hash, what)})
		}
	}
	return nil
}

// unlike says how a reservation contradicts the first event of its order; "" if it does not.
func (s *keySearch) unlike(h reservation, first domain.Recorded, exact time.Time) string {
	placed, is := first.Event.(domain.OrderPlaced)
	older := first.RecordedAt.Sub(h.at.Time)
	switch {
	case first.Version == 0:
		return "its order is not in the log"
	case !is:
		return "" // that the event cannot be read, or is another, has been said
	case !bytes.Equal(h.fingerprint, fingerprintOf(placed)):
		return "its fingerprint is not that of its order"
	case older < 0, older > moment, older > 0 && first.RecordedAt.After(exact):
		return fmt.Sprintf("it was made at %s and its order at %s", h.at.Time, first.RecordedAt)
	}
	switch {
	case slices.ContainsFunc(keysOf(first), func(k key) bool { return bytes.Equal(k.hash[:], h.hash) }):
		return ""
	case first.Metadata.Schema >= sayingKeys:
		return "it is none of the keys with which its order was placed"
	}
	s.report.KeysUnproven++
	return ""
}

// firsts gives the first events of orders, as far as they can be read. They were committed with what
// named them.
func (s *keySearch) firsts(ctx context.Context, ids []any) (map[domain.OrderID]domain.Recorded, error) {
	all := make(map[domain.OrderID]domain.Recorded, len(ids))
	err := schema.AnyOf(s.db.Dialect(), "stream_id", ids, func(condition string, args []any) error {
		some, err := schema.Collect(ctx, s.db, scanFirst, `SELECT stream_id, version, type, data, metadata, recorded_at FROM events WHERE version = 1 AND `+condition, args...)
		for _, r := range some {
			all[r.OrderID] = r
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the first events of orders: %w", err)
	}
	return all, nil
}

// scanFirst reads an event, without Event if it cannot be decoded.
func scanFirst(rows *sql.Rows, r *domain.Recorded) error {
	var id []byte
	var data, meta string
	var at schema.Time
	if err := rows.Scan(&id, &r.Version, &r.Type, &data, &meta, &at); err != nil {
		return err
	}
	copy(r.OrderID[:], id)
	r.RecordedAt = at.Time
	var err error
	if r.Metadata, err = domain.DecodeMetadata(meta); err == nil {
		r.Event, err = domain.Decode(r.Type, r.Metadata.Schema, data)
	}
	if err != nil {
		r.Event = nil // it has been reported where the streams were read
	}
	return nil
}

// orderText is a stored order id as people write it.
func orderText(id []byte) string {
	if len(id) != len(domain.OrderID{}) {
		return fmt.Sprintf("%x", id)
	}
	return domain.OrderID(id).String()
}

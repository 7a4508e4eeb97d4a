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

// oneClock is the migration from which on an order and its reservations have the same time to the
// microsecond. Programs before it read the clock for each, so that a reservation might be a moment
// older.
const oneClock = 6

// moment bounds how much older.
const moment = time.Second

// reservations checks every reservation: that a search finds it, that its order is there, and that
// it says of the order what the order's first event says.
func (c *run) reservations(ctx context.Context) error {
	exact, err := c.exactFrom(ctx)
	if err != nil {
		return err
	}
	for after := []byte{}; ; {
		page, err := c.reservationPage(ctx, after)
		if err != nil {
			return fmt.Errorf("read the reservations after %x: %w", after, err)
		}
		if err := c.reserved(ctx, page, exact); err != nil {
			return err
		}
		if len(page) < c.opts.Page {
			return nil
		}
		last := page[len(page)-1].hash
		if bytes.Compare(last, after) <= 0 {
			return fmt.Errorf("%w: reservation %x follows %x", domain.ErrCorrupt, last, after)
		}
		after = last
		c.progress()
	}
}

// exactFrom is when the migration oneClock was applied.
func (c *run) exactFrom(ctx context.Context) (time.Time, error) {
	all, err := c.db.Migrations(ctx)
	for _, m := range all {
		if m.Version == oneClock {
			return m.At, err
		}
	}
	return time.Time{}, err
}

func (c *run) reservationPage(ctx context.Context, after []byte) (page []held, err error) {
	rows, err := c.db.QueryContext(ctx, `SELECT `+heldColumns+` FROM reservations r WHERE r.key_hash > ?1 ORDER BY r.key_hash `+c.db.Dialect().Limit("?2"), after, c.opts.Page)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var h held
		if err := rows.Scan(&h.hash, &h.order, &h.fingerprint, &h.at); err != nil {
			return nil, err
		}
		page = append(page, h)
	}
	return page, c.db.Translate(rows.Err())
}

// reserved checks the reservations of a page.
func (c *run) reserved(ctx context.Context, page []held, exact time.Time) error {
	var hashes, orders []any
	for _, h := range page {
		hashes, orders = append(hashes, h.hash), append(orders, h.order)
	}
	found, err := c.seek(ctx, hashes)
	if err != nil {
		return err
	}
	firsts, err := c.firsts(ctx, orders)
	if err != nil {
		return err
	}
	for i, h := range page {
		c.report.Keys++
		what := malformed(h)
		switch {
		case what != "":
		case i > 0 && bytes.Compare(page[i-1].hash, h.hash) >= 0:
			what = fmt.Sprintf("it follows reservation %x", page[i-1].hash)
		case !bytes.Equal(found[[sha256.Size]byte(h.hash)].order, h.order):
			what = "it is there, and a search by its key does not find it"
		default:
			what = c.unlike(h, firsts[domain.OrderID(h.order)], exact)
		}
		if what != "" {
			c.violation(Violation{Kind: Key, OrderID: orderText(h.order), Partition: -1, What: fmt.Sprintf("reservation %x: %s", h.hash, what)})
		}
	}
	return nil
}

func malformed(h held) string {
	if len(h.hash) != sha256.Size || len(h.order) != len(domain.OrderID{}) {
		return "its key or its order has not the length of one"
	}
	return ""
}

// unlike says what a reservation has that its order's first event has not; "" if nothing.
func (c *run) unlike(h held, first domain.Recorded, exact time.Time) string {
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
	c.report.KeysUnproven++
	return ""
}

// firsts gives the first events of orders, as far as they can be read. They were committed with what
// named them.
func (c *run) firsts(ctx context.Context, ids []any) (map[domain.OrderID]domain.Recorded, error) {
	all := make(map[domain.OrderID]domain.Recorded, len(ids))
	err := schema.AnyOf(c.db.Dialect(), "stream_id", ids, func(condition string, args []any) error {
		rows, err := c.db.QueryContext(ctx, `SELECT stream_id, version, type, data, metadata, recorded_at FROM events WHERE version = 1 AND `+condition, args...)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			r, err := scanFirst(rows)
			if err != nil {
				return err
			}
			all[r.OrderID] = r
		}
		return c.db.Translate(rows.Err())
	})
	if err != nil {
		return nil, fmt.Errorf("read the first events of orders: %w", err)
	}
	return all, nil
}

// scanFirst reads an event, without Event if it cannot be decoded.
func scanFirst(rows *sql.Rows) (r domain.Recorded, err error) {
	var id []byte
	var data, meta string
	var at schema.Time
	if err := rows.Scan(&id, &r.Version, &r.Type, &data, &meta, &at); err != nil {
		return r, err
	}
	copy(r.OrderID[:], id)
	r.RecordedAt = at.Time
	if r.Metadata, err = domain.DecodeMetadata(meta); err == nil {
		r.Event, err = domain.Decode(r.Type, r.Metadata.Schema, data)
	}
	if err != nil {
		r.Event = nil // it has been reported where the streams were read
	}
	return r, nil
}

// orderText is a stored order id as people write it.
func orderText(id []byte) string {
	if len(id) != len(domain.OrderID{}) {
		return fmt.Sprintf("%x", id)
	}
	return domain.OrderID(id).String()
}

package check

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"orderflow/domain"
	"orderflow/eventstore"
	"orderflow/schema"
)

// keysAtOnce is how many reservations are asked for by one statement.
const keysAtOnce = 500

// key is a reservation as it should be.
type key struct {
	hash          [sha256.Size]byte
	article, name string // for people
	order         domain.Recorded
}

// sayingKeys is the form of OrderPlaced from which on it says every key of its order.
const sayingKeys = 2

// keysOf are the keys that an order's first event proves to be its own: all that it has, if the event
// is of the form sayingKeys. Of earlier ones idempotency keys can be held against the order, but
// nothing says what they were.
func keysOf(first domain.Recorded) (keys []key) {
	placed, is := first.Event.(domain.OrderPlaced)
	if !is {
		return nil
	}
	if placed.TrackingID != "" {
		hash := domain.KeyHash(domain.ReservedKey(placed.Customer, domain.KeyTracking, placed.TrackingID))
		keys = append(keys, key{hash: hash, article: "a", name: "tracking id", order: first})
	}
	if placed.KeyHash != "" {
		k := key{article: "an", name: "idempotency key", order: first}
		_, _ = hex.Decode(k.hash[:], []byte(placed.KeyHash[:min(len(placed.KeyHash), 2*len(k.hash))])) // what is no hash has no reservation
		keys = append(keys, k)
	}
	return keys
}

// fingerprintOf is the SHA-256 of the tracking id, after its length in eight bytes, and of the detail.
func fingerprintOf(placed domain.OrderPlaced) []byte {
	h := sha256.New()
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(placed.TrackingID))))
	h.Write([]byte(placed.TrackingID))
	h.Write(placed.Detail)
	return h.Sum(nil)
}

// held is a reservation as it is stored.
type held struct {
	hash, order, fingerprint []byte
	at                       schema.Time
}

const heldColumns = `r.key_hash, r.order_id, r.fingerprint, r.created_at`

// keys remembers the keys of an order, and looks for their reservations when there are enough.
func (c *run) keys(ctx context.Context, first domain.Recorded) error {
	c.due = append(c.due, keysOf(first)...)
	if len(c.due) < keysAtOnce {
		return nil
	}
	return c.findKeys(ctx)
}

// findKeys looks for the reservation of each key that is due. It is committed with the order's first
// event, which has been read.
func (c *run) findKeys(ctx context.Context) error {
	due := c.due
	c.due = nil
	var hashes []any
	for i := range due {
		hashes = append(hashes, due[i].hash[:])
	}
	found, err := c.seek(ctx, hashes)
	if err != nil {
		return err
	}
	for _, k := range due {
		switch h, there := found[k.hash]; {
		case !there:
			c.atf(Key, k.order, "the order has %s %s and no reservation of it", k.article, k.name)
		case !bytes.Equal(h.order, k.order.OrderID[:]):
			c.atf(Key, k.order, "the order's %s is reserved for order %x", k.name, h.order)
		}
	}
	return nil
}

// seek gives the reservations of keys, each by its own search.
func (c *run) seek(ctx context.Context, hashes []any) (map[[sha256.Size]byte]held, error) {
	found := make(map[[sha256.Size]byte]held, len(hashes))
	err := schema.AnyOf(c.db.Dialect(), "r.key_hash", hashes, func(condition string, args []any) error {
		rows, err := c.db.QueryContext(ctx, `SELECT `+heldColumns+` FROM reservations r WHERE `+condition, args...)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var h held
			if err := rows.Scan(&h.hash, &h.order, &h.fingerprint, &h.at); err != nil {
				return err
			}
			if len(h.hash) == sha256.Size {
				found[[sha256.Size]byte(h.hash)] = h
			}
		}
		return c.db.Translate(rows.Err())
	})
	if err != nil {
		return nil, fmt.Errorf("look for reservations: %w", err)
	}
	return found, nil
}

// newest is how many of the last events of each partition Newest looks at.
const newest = 1000

// Newest finds newest orders whose keys are not reserved for them. It reads the end of the log only.
func Newest(ctx context.Context, db *schema.DB, store *eventstore.Store) ([]Violation, error) {
	c := &run{db: db, store: store, opts: Options{Keep: newest}, report: Report{Found: map[string]int64{}}}
	heads, err := store.Heads(ctx)
	if err != nil {
		return nil, err
	}
	for partition, head := range heads {
		events, err := store.ReadLog(ctx, partition, head-newest, newest)
		if err != nil {
			return nil, err
		}
		for _, r := range events {
			if err := c.keys(ctx, r); err != nil {
				return nil, err
			}
		}
	}
	err = c.findKeys(ctx)
	return c.report.Violations, err
}

package check

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
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

// sayingKeys is the first form of OrderPlaced that names every key of its order.
const sayingKeys = 2

// keysOf are the keys that the first event of an order names. From the form sayingKeys on these are all keys that
// the order has. Before it, an idempotency key stands in no event.
func keysOf(first domain.Recorded) (keys []key) {
	placed, is := first.Event.(domain.OrderPlaced)
	if !is {
		return nil
	}
	if placed.TrackingID != "" && placed.RetryOf.IsZero() { // a new try shows the tracking id of the first
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

// reservation is one as it is stored.
type reservation struct {
	hash, order, fingerprint []byte
	at                       schema.Time
}

const reservationColumns = `r.key_hash, r.order_id, r.fingerprint, r.created_at`

func scanReservation(rows *sql.Rows, r *reservation) error {
	return rows.Scan(&r.hash, &r.order, &r.fingerprint, &r.at)
}

// keySearch looks for the reservations of keys, many at once.
type keySearch struct {
	*look
	due []key
}

// add remembers the keys of an order, and looks for their reservations when there are enough.
func (s *keySearch) add(ctx context.Context, first domain.Recorded) error {
	s.due = append(s.due, keysOf(first)...)
	if len(s.due) < keysAtOnce {
		return nil
	}
	return s.search(ctx)
}

// search looks for the reservation of each key that is due. It is committed with the order's first
// event, which has been read.
func (s *keySearch) search(ctx context.Context) error {
	due := s.due
	s.due = nil
	var hashes []any
	for i := range due {
		hashes = append(hashes, due[i].hash[:])
	}
	found, err := s.seek(ctx, hashes)
	if err != nil {
		return err
	}
	for _, k := range due {
		switch h, there := found[k.hash]; {
		case !there:
			s.foundAtf(Key, k.order, "the order has %s %s and no reservation of it", k.article, k.name)
		case !bytes.Equal(h.order, k.order.OrderID[:]):
			s.foundAtf(Key, k.order, "the order's %s is reserved for order %x", k.name, h.order)
		}
	}
	return nil
}

// seek gives the reservations of keys, each by its own search.
func (s *keySearch) seek(ctx context.Context, hashes []any) (map[[sha256.Size]byte]reservation, error) {
	found := make(map[[sha256.Size]byte]reservation, len(hashes))
	err := schema.AnyOf(s.db.Dialect(), "r.key_hash", hashes, func(condition string, args []any) error {
		some, err := schema.Collect(ctx, s.db, scanReservation, `SELECT `+reservationColumns+` FROM reservations r WHERE `+condition, args...)
		for _, r := range some {
			if len(r.hash) == sha256.Size {
				found[[sha256.Size]byte(r.hash)] = r
			}
		}
		return err
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
	keys := &keySearch{look: newLook(db, store, Config{Keep: newest})}
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
			if err := keys.add(ctx, r); err != nil {
				return nil, err
			}
		}
	}
	err = keys.search(ctx)
	return keys.report.Violations, err
}

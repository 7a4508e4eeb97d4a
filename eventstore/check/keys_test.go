package check_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/eventstore/check"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

// TestRun_newForm: of an order that says its keys, every reservation is judged.
func TestRun_newForm(t *testing.T) {
	const tracking, detail, customer = "T-new", `{"n":1}`, "acme"
	idempotency := domain.KeyHash(domain.ReservedKey(customer, domain.KeyIdempotency, "K-new"))
	for name, c := range map[string]struct {
		harm func(b *bench)
		want string // empty: nothing is wrong
	}{
		"clean": {func(*bench) {}, ""},
		"no reservation of the key": {func(b *bench) {
			b.tamper(`DELETE FROM reservations WHERE key_hash = ?1`, idempotency[:])
		}, "the order has an idempotency key and no reservation of it"},
		"key of another order": {func(b *bench) {
			id := order(1)
			b.tamper(`UPDATE reservations SET order_id = ?1 WHERE key_hash = ?2`, id[:], idempotency[:])
		}, "the order's idempotency key is reserved for order"},
		"one more reservation": {func(b *bench) {
			b.tamper(`INSERT INTO reservations (key_hash, order_id, fingerprint, created_at)
				SELECT fingerprint, order_id, fingerprint, created_at FROM reservations WHERE key_hash = ?1`, idempotency[:])
		}, "it is none of the keys with which its order was placed"},
		"of another customer": {func(b *bench) {
			other := domain.KeyHash(domain.ReservedKey("other", domain.KeyTracking, tracking))
			mine := domain.KeyHash(domain.ReservedKey(customer, domain.KeyTracking, tracking))
			b.tamper(`UPDATE reservations SET key_hash = ?1 WHERE key_hash = ?2`, other[:], mine[:])
		}, "the order has a tracking id and no reservation of it"},
	} {
		t.Run(name, func(t *testing.T) {
			schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
				b := newBench(t, open(t))
				b.store.Allow(2)
				a, err := work.Prepare(&domain.Order{ID: order(8)}, domain.Metadata{}, domain.Place{
					TrackingID: tracking, Detail: []byte(detail), Customer: customer, KeyHash: hex.EncodeToString(idempotency[:]),
				})
				if err != nil {
					t.Fatal(err)
				}
				text := binary.BigEndian.AppendUint64(nil, uint64(len(tracking)))
				fingerprint := sha256.Sum256(append(append(text, tracking...), detail...))
				for kind, key := range map[string]string{domain.KeyTracking: tracking, domain.KeyIdempotency: "K-new"} {
					a.Reservations = append(a.Reservations, work.Reservation{Key: domain.ReservedKey(customer, kind, key), Fingerprint: fingerprint})
				}
				if _, err := b.store.Append(t.Context(), a); err != nil {
					t.Fatal(err)
				}
				c.harm(b)
				r := b.run(check.Config{})
				if c.want == "" {
					if !r.Clean() || r.Keys != 4 || r.KeysUnproven != 1 {
						t.Errorf("%+v; want nothing wrong, 4 keys, and 1 of an order from before unproven", r)
					}
					return
				}
				for _, v := range r.Violations {
					if v.Kind == check.Key && strings.Contains(v.What, c.want) {
						return
					}
				}
				t.Errorf("no %q among %v", c.want, r.Violations)
			})
		})
	}
}

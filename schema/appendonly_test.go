package schema_test

import (
	"errors"
	"testing"

	"orderflow/schema"
	"orderflow/schema/schematest"
)

// TestAppendOnly: whatever statement tries it, no event and no key is changed, removed or
// replaced, and an insert in the place of another is a duplicate key.
func TestAppendOnly(t *testing.T) {
	const event = ` events (position, partition, stream_id, version, type, data, metadata, recorded_at, hash) VALUES (?1, 0, ?2, ?3, ?4, '{}', '{}', ?5, ?6)`
	const key = ` reservations (key_hash, order_id, fingerprint, created_at) VALUES (?1, ?2, ?1, ?3)`
	stream, other, hash, at := make([]byte, 16), append(make([]byte, 15), 1), make([]byte, 32), "2026-11-22 15:04:05.000000"
	type attempt struct {
		query string
		args  []any
		want  error
	}
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		db := open(t)
		exec := func(a attempt) error {
			return db.InTx(t.Context(), func(tx *schema.Tx) error { _, err := tx.ExecContext(t.Context(), a.query, a.args...); return err })
		}
		for _, a := range []attempt{
			{`INSERT INTO` + event, []any{1, stream, 1, "OrderPlaced", at, hash}, nil},
			{`INSERT INTO` + key, []any{hash, stream, at}, nil},
		} {
			if err := exec(a); err != nil {
				t.Fatal(err)
			}
		}
		attempts := []attempt{
			{`INSERT INTO` + event, []any{1, other, 1, "Forged", at, hash}, schema.ErrDuplicateKey},
			{`INSERT INTO` + event, []any{2, stream, 1, "Forged", at, hash}, schema.ErrDuplicateKey},
			{`INSERT INTO` + key, []any{hash, other, at}, schema.ErrDuplicateKey},
			{`UPDATE events SET type = 'Forged'`, nil, schema.ErrRefused},
			{`DELETE FROM events`, nil, schema.ErrRefused},
			{`UPDATE reservations SET order_id = ?1`, []any{other}, schema.ErrRefused},
			{`DELETE FROM reservations`, nil, schema.ErrRefused},
		}
		if db.Dialect().Name() == "sqlite" {
			attempts = append(attempts,
				attempt{`INSERT OR REPLACE INTO` + event, []any{1, other, 1, "Forged", at, hash}, schema.ErrRefused},
				attempt{`REPLACE INTO` + event, []any{2, stream, 1, "Forged", at, hash}, schema.ErrRefused},
				attempt{`REPLACE INTO` + event, []any{1, stream, 1, "Forged", at, hash}, schema.ErrRefused},
				attempt{`INSERT OR IGNORE INTO` + event, []any{1, other, 1, "Forged", at, hash}, schema.ErrRefused},
				attempt{`UPDATE OR REPLACE events SET type = 'Forged'`, nil, schema.ErrRefused},
				attempt{`INSERT INTO` + event + ` ON CONFLICT DO UPDATE SET type = 'Forged'`, []any{1, stream, 1, "Forged", at, hash}, schema.ErrDuplicateKey},
				attempt{`INSERT OR REPLACE INTO` + key, []any{hash, other, at}, schema.ErrRefused},
			)
		}
		for _, a := range attempts {
			if err := exec(a); !errors.Is(err, a.want) {
				t.Errorf("%s: err %v, want %v", a.query, err, a.want)
			}
		}
		var events, keys int
		if err := db.QueryRowContext(t.Context(), `SELECT (SELECT COUNT(*) FROM events WHERE type = 'OrderPlaced' AND stream_id = ?1 AND position = 1),
			(SELECT COUNT(*) FROM reservations WHERE order_id = ?1)`, stream).Scan(&events, &keys); err != nil {
			t.Fatal(err)
		}
		if events != 1 || keys != 1 {
			t.Errorf("%d events and %d keys are as they were, want 1 and 1", events, keys)
		}
	})
}

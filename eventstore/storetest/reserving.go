package storetest

import (
	"errors"
	"strings"
	"testing"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

// testBareReservation: somebody has removed an order from the log and left its reservation. A repeat of
// the order is no duplicate of it, whoever asks, and neither is an order with other content.
func testBareReservation(t *testing.T, open func(testing.TB) *schema.DB) {
	db := open(t)
	f := newFixture(t, db)
	reserving := func(n int, fingerprint byte, keys ...string) work.Unit {
		a := placed(order(n))
		for _, k := range keys {
			a.Reservations = append(a.Reservations, work.Reservation{Key: k, Fingerprint: [32]byte{fingerprint}})
		}
		return a
	}
	for n, key := range []string{"stays", "goes"} {
		_, err := f.Append(t.Context(), reserving(n+1, 1, key))
		must(t, err)
	}
	gone := order(2)
	schematest.Unprotect(t, db)
	must(t, db.InTx(t.Context(), func(tx *schema.Tx) error {
		if _, err := tx.ExecContext(t.Context(), `DELETE FROM events WHERE stream_id = ?1`, gone[:]); err != nil {
			return err
		}
		_, err := tx.ExecContext(t.Context(), `UPDATE heads SET head = head - 1 WHERE partition = ?1`, f.Partition(gone))
		return err
	}))

	for what, store := range map[string]*fixture{"the same store": f, "another store": newFixture(t, db)} {
		for _, fingerprint := range []byte{1, 2} {
			_, err := store.Append(t.Context(), reserving(3, fingerprint, "new", "goes"))
			want(t, err, domain.ErrCorrupt)
			if errors.Is(err, domain.ErrDuplicate) || !strings.Contains(err.Error(), gone.String()) || strings.Contains(err.Error(), "goes") {
				t.Errorf("%s: err = %v, want one that names order %s and not the key, and is no duplicate", what, err, gone)
			}
		}
		_, err := store.Append(t.Context(), reserving(4, 1, "stays"))
		want(t, err, domain.ErrDuplicate)
	}
	if n := f.count(t, `SELECT COUNT(*) FROM reservations`); n != 2 {
		t.Errorf("%d keys are reserved, want 2: those of a refused order must not be", n)
	}
}

package check

import (
	"errors"
	"testing"

	"orderflow/eventstore"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

// TestRun_swapped: a rebuild of the view ends between the reading of its indexes' names and their use,
// so that they have other names.
func TestRun_swapped(t *testing.T) {
	db := schematest.SQLite(t)
	store, err := eventstore.Open(t.Context(), db, eventstore.Config{})
	if err != nil {
		t.Fatal(err)
	}
	swap := func() {
		err := db.InTx(t.Context(), func(tx *schema.Tx) error {
			for _, s := range []string{`ALTER TABLE orders RENAME TO orders_last`, `ALTER TABLE orders_next RENAME TO orders`, `ALTER TABLE orders_last RENAME TO orders_next`} {
				if _, err := tx.ExecContext(t.Context(), s); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	for often, want := range map[int]error{1: nil, swaps - 1: nil, swaps: schema.ErrStatement} {
		n := 0
		_, err := Run(t.Context(), db, store, Config{indexed: func() {
			if n++; n <= often {
				swap()
			}
		}})
		if !errors.Is(err, want) || errors.Is(err, schema.ErrDamaged) {
			t.Errorf("swapped %d times: %v, want %v", often, err, want)
		}
	}
}

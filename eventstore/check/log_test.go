package check

import (
	"testing"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/eventstore"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

// TestRun_bothWays: two readings that differ are a violation, whatever the search for single events
// finds; the same readings in another order are none.
func TestRun_bothWays(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		db := open(t)
		store, err := eventstore.Open(t.Context(), db, eventstore.Config{})
		if err != nil {
			t.Fatal(err)
		}
		done, err := store.Append(t.Context(), work.Unit{OrderID: domain.OrderID{1}, Events: []domain.Event{domain.OrderPlaced{}, domain.OrderParked{Reason: "x"}}})
		if err != nil {
			t.Fatal(err)
		}
		first := done.Events
		p, other := first[0].Partition, first[0]
		other.OrderID[3] ^= 1
		for name, c := range map[string]struct {
			index []domain.Recorded
			want  int64
		}{
			"the same":           {[]domain.Recorded{first[1], first[0]}, 0},
			"one less":           {first[:1], 1},
			"one twice":          {[]domain.Recorded{first[0], first[0]}, 1},
			"another order":      {[]domain.Recorded{other, first[1]}, 1},
			"appended meanwhile": {[]domain.Recorded{first[0], first[1], {Partition: p, Position: 3, Version: 3}}, 0},
		} {
			n := store.Partitions()
			r := &logRead{look: newLook(db, store, Config{Keep: 10}), heads: make([]int64, n), throughTable: make([]tally, n), throughIndex: make([]tally, n)}
			r.heads[p] = 2
			for _, e := range first {
				r.tallied(r.throughTable, e)
			}
			for _, e := range c.index {
				r.tallied(r.throughIndex, e)
			}
			if err := r.bothWays(t.Context()); err != nil || r.report.Found[Hidden] != c.want {
				t.Errorf("%s: found %v, err %v; want %d", name, r.report.Found, err, c.want)
			}
		}
	})
}

// TestSince_bothWays: an event that the table has, and to which the index of streams does not lead, stays behind.
func TestSince_bothWays(t *testing.T) {
	r := domain.Recorded{OrderID: domain.OrderID{1}, Partition: 1, Position: 7, Version: 2, Hash: []byte{1}}
	other, hash := r, r
	other.Position, hash.Hash = 8, []byte{2}
	for name, c := range map[string]struct {
		index []domain.Recorded
		want  int
	}{
		"the same":         {[]domain.Recorded{{OrderID: r.OrderID, Version: 1}, r}, 0},
		"not there":        {[]domain.Recorded{{OrderID: r.OrderID, Version: 1}}, 1},
		"another position": {[]domain.Recorded{other}, 1},
		"another hash":     {[]domain.Recorded{hash}, 1},
	} {
		s := since{logged: map[domain.OrderID][]domain.Recorded{r.OrderID: {r}}}
		if s.bothWays(c.index); len(s.logged[r.OrderID]) != c.want {
			t.Errorf("%s: %d stay behind, want %d", name, len(s.logged[r.OrderID]), c.want)
		}
	}
}

// TestRun_orderIndexes: rows that an index does not have, and entries that no row has, are counted.
func TestRun_orderIndexes(t *testing.T) {
	db := schematest.SQLite(t)
	const columns = ` (order_id, version, status, placed_at, steps) VALUES (?1, 1, 'Pending', '2026', '[]')`
	exec := func(query string, args ...any) {
		t.Helper()
		if err := db.InTx(t.Context(), func(tx *schema.Tx) error { _, err := tx.ExecContext(t.Context(), query, args...); return err }); err != nil {
			t.Fatal(err)
		}
	}
	for i := range byte(3) {
		exec(`INSERT INTO orders`+columns, append(make([]byte, 15), i))
	}
	check := func() int64 {
		t.Helper()
		r := newLook(db, nil, Config{Keep: 10})
		if err := r.orderIndexes(t.Context()); err != nil {
			t.Fatal(err)
		}
		return r.report.Found[Hidden]
	}
	if n := check(); n != 0 {
		t.Errorf("%d violations in a sound table", n)
	}
	// An index over other rows than it says: its text is changed, its entries stay.
	exec(`DROP INDEX orders_node`)
	exec(`CREATE INDEX orders_node ON orders (node, placed_at, order_id) WHERE status IS NULL`)
	exec(`PRAGMA writable_schema = 1`)
	exec(`UPDATE sqlite_master SET sql = replace(sql, 'status IS NULL', 'status IS NOT NULL') WHERE name = 'orders_node'`)
	again, err := schema.Open(t.Context(), db.DSN().Path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.Close() }()
	db = again
	if n := check(); n != 2 {
		t.Errorf("%d violations, want rows that the index does not lead to, and a wrong number of entries", n)
	}
}

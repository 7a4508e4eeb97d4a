package schema_test

import (
	"testing"

	"orderflow/schema"
	"orderflow/schema/schematest"
)

// TestStats_RoundTrips holds the count of round trips against what went over the wire.
func TestStats_RoundTrips(t *testing.T) {
	schematest.NeedSQLServer(t)
	proxy, db := schematest.Through(t, schematest.SQLServerDSN(t))
	ask := schema.Question{Query: "SELECT 1"}
	work := func() { // 5: BEGIN, three statements, COMMIT
		err := db.InTx(t.Context(), func(tx *schema.Tx) error {
			for range 3 {
				if err := tx.Ask(t.Context(), ask, ask); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.ExecUrgent(t.Context(), "SELECT 1"); err != nil { // and 1
			t.Fatal(err)
		}
	}
	work() // connections are made
	before, sent := db.Stats().RoundTrips, proxy.Requests()
	for range 10 {
		work()
	}
	trips, wire := db.Stats().RoundTrips-before, proxy.Requests()-sent
	if trips != 60 || wire != trips {
		t.Errorf("%d round trips were counted and %d went over the wire, want 60", trips, wire)
	}
}

// TestStats_RoundTrips_sqlite has none.
func TestStats_RoundTrips_sqlite(t *testing.T) {
	if n := schematest.SQLite(t).Stats().RoundTrips; n != 0 {
		t.Errorf("%d round trips", n)
	}
}

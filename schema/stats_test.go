package schema_test

import (
	"sync/atomic"
	"testing"

	"orderflow/schema"
	"orderflow/schema/schematest"
)

// TestDB_Watch: who watches is told of all that is counted, as long as it watches.
func TestDB_Watch(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		db := open(t)
		ask := schema.Question{Query: "SELECT 1"}
		work := func() {
			if err := db.InTx(t.Context(), func(tx *schema.Tx) error { return tx.Ask(t.Context(), ask, ask) }); err != nil {
				t.Fatal(err)
			}
			if _, err := db.ExecUrgent(t.Context(), "SELECT 1"); err != nil {
				t.Fatal(err)
			}
			var one int
			if err := db.QueryRowContext(t.Context(), "SELECT 1").Scan(&one); err != nil {
				t.Fatal(err)
			}
		}
		work() // connections are made
		var statements, transactions, trips atomic.Int64
		db.Watch(func(added schema.Stats) {
			statements.Add(added.Statements)
			transactions.Add(added.Transactions)
			trips.Add(added.RoundTrips)
		})
		before := db.Stats()
		work()
		db.Watch(nil)
		after := db.Stats()
		work()
		told := [3]int64{statements.Load(), transactions.Load(), trips.Load()}
		if want := [3]int64{after.Statements - before.Statements, after.Transactions - before.Transactions, after.RoundTrips - before.RoundTrips}; told != want || told[0] == 0 {
			t.Errorf("told of %v statements, transactions and round trips, want %v", told, want)
		}
	})
}

package schema_test

import (
	"crypto/sha256"
	"testing"

	"orderflow/schema"
	"orderflow/schema/schematest"
)

// BenchmarkDB_InTx measures small changes by one caller, and by many at once.
func BenchmarkDB_InTx(b *testing.B) {
	for name, callers := range map[string]int{"one caller": 1, "64 callers": 64} {
		b.Run(name, func(b *testing.B) {
			db := schematest.SQLite(b)
			change := func(tx *schema.Tx) error {
				_, err := tx.ExecContext(b.Context(), "UPDATE heads SET head = head + 1 WHERE partition = ?1", 0)
				return err
			}
			before := db.Stats().Transactions
			b.ResetTimer()
			if callers == 1 {
				for range b.N {
					if err := db.InTx(b.Context(), change); err != nil {
						b.Fatal(err)
					}
				}
			} else {
				b.SetParallelism(callers / 2)
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if err := db.InTx(b.Context(), change); err != nil {
							b.Error(err)
						}
					}
				})
			}
			b.ReportMetric(float64(db.Stats().Transactions-before)/float64(b.N), "transactions/op")
		})
	}
}

// BenchmarkDB_InTx_gap measures what passes between transactions while many callers have
// something else to do before each.
func BenchmarkDB_InTx_gap(b *testing.B) {
	db, page := schematest.SQLite(b), make([]byte, 8192)
	b.SetParallelism(16)
	before := db.Stats()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			sha256.Sum256(page)
			err := db.InTx(b.Context(), func(tx *schema.Tx) error {
				_, err := tx.ExecContext(b.Context(), "UPDATE heads SET head = head + 1 WHERE partition = ?1", 0)
				return err
			})
			if err != nil {
				b.Error(err)
			}
		}
	})
	after := db.Stats()
	n := float64(after.Transactions - before.Transactions)
	b.ReportMetric(float64(b.Elapsed()-(after.Open-before.Open))/n/1000, "µs-between/tx")
	b.ReportMetric(float64(after.Open-before.Open)/n/1000, "µs-open/tx")
	b.ReportMetric(n/float64(b.N), "transactions/op")
}

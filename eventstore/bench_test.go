package eventstore_test

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"testing"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/eventstore"
	"orderflow/schema/schematest"
)

// BenchmarkStore_Append appends single events to new streams on SQLite from many
// callers at once, which share transactions, beside raw inserts of the same rows, 100 a
// transaction, through the same driver into the same kind of file.
func BenchmarkStore_Append(b *testing.B) {
	for name, callers := range map[string]int{"1 caller": 1, "64 callers": 64, "256 callers": 256} {
		b.Run(name, func(b *testing.B) {
			db := schematest.SQLite(b)
			store, err := eventstore.Open(b.Context(), db, eventstore.Config{})
			if err != nil {
				b.Fatal(err)
			}
			before := db.Stats()
			var n atomic.Uint64
			var wg sync.WaitGroup
			b.ResetTimer()
			for range callers {
				wg.Go(func() {
					for i := n.Add(1); i <= uint64(b.N); i = n.Add(1) {
						var id domain.OrderID
						binary.BigEndian.PutUint64(id[8:], i)
						_, err := store.Append(b.Context(), work.Unit{OrderID: id, Events: []domain.Event{domain.OrderPlaced{Detail: []byte(`{"sku":"A-1","n":1}`)}}})
						if err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			after := db.Stats()
			b.ReportMetric(float64(after.Transactions-before.Transactions)/float64(b.N), "tx/op")
			b.ReportMetric(float64(after.Statements-before.Statements)/float64(b.N), "stmts/op")
		})
	}
}

package eventstore_test

import (
	"testing"

	"orderflow/eventstore/storetest"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

func TestStore(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) { storetest.RunDatabase(t, open) })
}

// TestStore_partitions runs the suite on SQLite with several partitions, which it does
// not have by default.
func TestStore_partitions(t *testing.T) {
	storetest.RunDatabase(t, func(t testing.TB) *schema.DB {
		db := schematest.SQLite(t)
		schematest.Partitions(t, db, 4)
		return db
	})
}

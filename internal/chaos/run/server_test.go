package main

import (
	"os"
	"testing"

	"orderflow/internal/chaos/harness"
	"orderflow/schema/schematest"
)

// TestFreshDatabase: two runs on one server have a database each, and leave none behind.
func TestFreshDatabase(t *testing.T) {
	schematest.NeedSQLServer(t)
	for run := range 2 {
		conf := harness.Config{DSN: os.Getenv(schematest.Env)}
		drop, err := freshDatabase(t.Context(), &conf)
		if err != nil {
			t.Fatal(err)
		}
		if err := onServer(t.Context(), conf.DSN, "CREATE TABLE orders (n INT)"); err != nil {
			t.Errorf("run %d finds the tables of another: %v", run, err)
		}
		t.Cleanup(func() {
			if err := drop(); err != nil {
				t.Error(err)
			}
			if onServer(t.Context(), conf.DSN, "SELECT 1") == nil {
				t.Errorf("the database of run %d is still there", run)
			}
		})
	}
}

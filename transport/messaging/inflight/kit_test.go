package inflight_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"orderflow/domain/work"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

var serial atomic.Int64

// name makes a name that no other test uses.
func name(what string) string { return fmt.Sprintf("%s-%d", what, serial.Add(1)) }

// onEach runs subtests on a database of each dialect. They share it and keep apart by name.
func onEach(t *testing.T, cases map[string]func(t *testing.T, db *schema.DB)) {
	t.Helper()
	names := make([]string, 0, len(cases))
	for n := range cases {
		names = append(names, n)
	}
	slices.Sort(names)
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		db := open(t)
		schematest.Partitions(t, db, 4)
		for _, n := range names {
			t.Run(n, func(t *testing.T) { cases[n](t, db) })
		}
	})
}

// again opens a database a second time, as another process would.
func again(t *testing.T, db *schema.DB) *schema.DB {
	t.Helper()
	dsn := "sqlite:" + db.DSN().Path
	if u := db.DSN().URL; u != nil {
		dsn = u.String()
	}
	other, err := schema.Open(t.Context(), dsn)
	must(t, err)
	t.Cleanup(func() { must(t, other.Close()) })
	return other
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// exec changes the database behind the package's back and says how many rows it changed.
func exec(t testing.TB, db *schema.DB, query string, args ...any) (n int64) {
	t.Helper()
	must(t, db.InTx(context.Background(), func(tx *schema.Tx) error {
		res, err := tx.ExecContext(context.Background(), query, args...)
		if err == nil {
			n, err = res.RowsAffected()
		}
		return err
	}))
	return n
}

// expire ends a registration by the database's clock, without the node's knowing.
func expire(t *testing.T, db *schema.DB, tenure work.Tenure) {
	t.Helper()
	if exec(t, db, `UPDATE nodes SET expires_at = `+db.Dialect().NowPlus("?3")+` WHERE node = ?1 AND epoch = ?2`, tenure.Node, tenure.Epoch, -1) != 1 {
		t.Fatalf("there is no registration %s/%d", tenure.Node, tenure.Epoch)
	}
}

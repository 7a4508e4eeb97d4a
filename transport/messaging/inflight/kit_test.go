package inflight_test

import (
	"context"
	"fmt"
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

// onEach runs subtests on a database of each dialect, which they share.
func onEach(t *testing.T, cases map[string]func(t *testing.T, db *schema.DB)) {
	t.Helper()
	schematest.OnEach(t, 4, cases)
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

package main

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"modernc.org/sqlite"
)

// TestE2E_Restore restores a backup under running nodes, which have gone on since it was made: the
// orders of the backup run to their ends, those of before are gone, and the views are right.
func TestE2E_Restore(t *testing.T) {
	t.Parallel()
	for _, nodes := range []int{1, 2} {
		t.Run(fmt.Sprint(nodes, " nodes"), func(t *testing.T) { t.Parallel(); testRestore(t, nodes) })
	}
}

func testRestore(t *testing.T, count int) {
	const orders = 10
	folder := t.TempDir()
	db, saved := filepath.Join(folder, "orders.db"), filepath.Join(folder, "backup.db")
	first := start(t, db, "--step-duration", "2s", "--step-failure-rate", "0")
	for range count - 1 {
		start(t, db, "--step-duration", "2s", "--step-failure-rate", "0")
	}
	placed := first.api().place(orders)
	first.untilBegun(orders)
	transfer(t, db, func(c raw) (*sqlite.Backup, error) { return c.NewBackup(saved) })
	first.api().place(orders) // and these will be gone
	first.untilEnded(2 * orders)
	transfer(t, db, func(c raw) (*sqlite.Backup, error) { return c.NewRestore(saved) })

	first.untilEnded(orders)
	more := first.api().place(orders)
	first.untilEnded(2 * orders)
	for _, o := range append(placed, more...) {
		checkEnd(t, o.id, first.api().history(o.id))
	}
	first.checkPages(append(placed, more...))
	if !strings.Contains(first.Log(), "ANOTHER HISTORY") {
		t.Error("the node did not say that it had found another history")
	}
	eventually(t, func() (bool, string) {
		lag := lagOf(t, db)
		return lag == 0, fmt.Sprintf("the views lag by %d", lag)
	})
	must(t, "check", "--dsn", db)
	must(t, "projections", "verify", "--dsn", db)
}

// raw is what a connection of the driver can do beside database/sql.
type raw interface {
	NewBackup(path string) (*sqlite.Backup, error)
	NewRestore(path string) (*sqlite.Backup, error)
}

// transfer copies a database to a file, or from it, as the shell's .backup and .restore do.
func transfer(t *testing.T, path string, begin func(c raw) (*sqlite.Backup, error)) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	err = conn.Raw(func(c any) error {
		copying, err := begin(c.(raw))
		if err != nil {
			return err
		}
		_, err = copying.Step(-1)
		for deadline := time.Now().Add(10 * time.Second); err != nil && time.Now().Before(deadline); { // somebody writes
			_, err = copying.Step(-1)
		}
		return errors.Join(err, copying.Finish())
	})
	if err != nil {
		t.Fatal(err)
	}
}

// lagOf is by how many events the views of a database are behind.
func lagOf(t *testing.T, db string) (lag int64) {
	t.Helper()
	var all []struct{ Lag int64 }
	if err := json.Unmarshal([]byte(must(t, "projections", "status", "--json", "--dsn", db)), &all); err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		lag += s.Lag
	}
	return lag
}

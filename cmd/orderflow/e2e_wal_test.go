package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"orderflow/schema"
)

// TestE2E_WAL: a reader that stays makes the write-ahead log grow, which is said with its
// cause; when it has ended, the log is short again.
func TestE2E_WAL(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "orders.db")
	p := start(t, path, "--step-duration", "1ms", "--step-failure-rate", "0")
	p.api().place(1)
	db, err := schema.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(t.Context(), `SELECT 1 FROM nodes UNION ALL SELECT 2`) //nolint:rowserrcheck // they are not read to the end
	if err != nil || !rows.Next() {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()

	detail := `"` + strings.Repeat("x", 400_000) + `"`
	for i := range 60 {
		if _, err := p.api().placeOne(fmt.Sprintf("wal-%d", i), detail); err != nil {
			t.Fatal(err)
		}
	}
	const long = schema.WALLimit
	if got := p.stat().WALBytes; got <= long {
		t.Errorf("the write-ahead log has %d bytes, want more than %d", got, long)
	}
	const warned = "a reader holds an old snapshot of the database"
	p.untilSays(warned)
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() (bool, string) {
		got := p.stat().WALBytes
		return got <= long && strings.Contains(p.Log(), "no reader holds an old snapshot any more"), fmt.Sprintf("the write-ahead log has %d bytes, want %d at most", got, long)
	})
	if n := strings.Count(p.Log(), warned); n != 1 {
		t.Errorf("the log warns %d times, want once", n)
	}
}

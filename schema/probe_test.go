package schema_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"orderflow/schema"
	"orderflow/schema/schematest"
)

// TestDB_Probe leaves nothing, also of one that was cut short.
func TestDB_Probe(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		db := open(t)
		rows := func() (n int) {
			if err := db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM probes`).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		left := func() {
			err := db.InTx(t.Context(), func(tx *schema.Tx) error {
				_, err := tx.ExecContext(t.Context(), `INSERT INTO probes (node, content, written_at) VALUES ('n1', ?1, ?2)`,
					[]byte("left"), "2026-01-02T03:04:05.000000")
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, before := range []func(){func() {}, left} {
			before()
			if err := db.Probe(t.Context(), "n1"); err != nil {
				t.Error(err)
			}
			if n := rows(); n != 0 {
				t.Errorf("%d rows were left", n)
			}
		}
	})
}

// TestDB_Probe_damaged: what is destroyed on the disk is found, although the connections have
// it in memory, and is found no more when it is as it was.
func TestDB_Probe_damaged(t *testing.T) {
	const page = 4096
	for name, damage := range map[string]struct{ from, to int64 }{
		"header": {0, page}, "all but the header": {page, 1 << 62},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "t.db")
			db := openMigrated(t, path)
			if err := db.Probe(t.Context(), "n1"); err != nil {
				t.Fatal(err)
			}
			if err := db.InTx(t.Context(), func(*schema.Tx) error { return nil }); err != nil {
				t.Fatal(err)
			}
			emptyWAL(t, db)
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			overwrite(t, path, damage.from, make([]byte, min(damage.to, int64(len(whole)))-damage.from))
			if err := db.Probe(t.Context(), "n1"); !errors.Is(err, schema.ErrDamaged) {
				t.Errorf("a probe of a destroyed file: %v, want ErrDamaged", err)
			}
			emptyWAL(t, db) // what the probe wrote
			overwrite(t, path, 0, whole)
			if err := db.Probe(t.Context(), "n1"); err != nil {
				t.Errorf("a probe of the file as it was: %v", err)
			}
		})
	}
}

func openMigrated(t *testing.T, path string) *schema.DB {
	t.Helper()
	db, err := schema.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db
}

// emptyWAL has all that was committed in the file itself.
func emptyWAL(t *testing.T, db *schema.DB) {
	t.Helper()
	var busy, frames, moved int
	if err := db.QueryRowContext(t.Context(), `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &frames, &moved); err != nil || busy != 0 {
		t.Fatalf("checkpoint: busy %d, %v", busy, err)
	}
}

func overwrite(t *testing.T, path string, at int64, content []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if _, err := f.WriteAt(content, at); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkDB_Probe(b *testing.B) {
	db := schematest.SQLite(b)
	for b.Loop() {
		if err := db.Probe(b.Context(), "n1"); err != nil {
			b.Fatal(err)
		}
	}
}

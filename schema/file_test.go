package schema

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestFile_replaced: nothing is told to be committed once the path names another file, or
// none, and everything works again when it names the first one again.
func TestFile_replaced(t *testing.T) {
	for name, replace := range map[string]func(t *testing.T, path string){
		"removed":  func(*testing.T, string) {},
		"replaced": copyFile,
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "t.db")
			db := openTable(t, path)
			if err := insertInto(t, db, 1); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(path, path+".away"); err != nil {
				t.Fatal(err)
			}
			replace(t, path)
			if err := insertInto(t, db, 2); !errors.Is(err, ErrReplaced) || !errors.Is(err, ErrUnavailable) {
				t.Errorf("a transaction: %v, want ErrReplaced", err)
			}
			if err := db.Ping(t.Context()); !errors.Is(err, ErrReplaced) {
				t.Errorf("a ping: %v, want ErrReplaced", err)
			}
			if err := os.Rename(path+".away", path); err != nil {
				t.Fatal(err)
			}
			if err := insertInto(t, db, 3); err != nil {
				t.Errorf("with the file back in its place: %v", err)
			}
		})
	}
}

// TestFile_replacedAtCommit: the file goes while a transaction is open.
func TestFile_replacedAtCommit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	db := openTable(t, path)
	err := db.InTx(t.Context(), func(tx *Tx) error {
		if _, err := tx.ExecContext(t.Context(), `INSERT INTO t VALUES (1)`); err != nil {
			return err
		}
		return os.Remove(path)
	})
	if !errors.Is(err, ErrReplaced) || !errors.Is(err, ErrCommit) {
		t.Errorf("a commit to a file that was removed: %v, want ErrReplaced and ErrCommit", err)
	}
}

// TestFile_newConnection: a connection that is opened later makes no file, and takes no other.
func TestFile_newConnection(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	db := openTable(t, path)
	db.read.SetMaxIdleConns(-1) // those that there are go
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	read := func() error {
		var n int
		return db.Translate(db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM t`).Scan(&n))
	}
	if err := read(); !errors.Is(err, ErrReplaced) {
		t.Errorf("a new connection with no file there: %v, want ErrReplaced", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a file was made")
	}
	copyFile(t, path)
	if err := read(); !errors.Is(err, ErrReplaced) {
		t.Errorf("a new connection with another file there: %v, want ErrReplaced", err)
	}
}

func openTable(t *testing.T, path string) *DB {
	t.Helper()
	db, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	err = db.InTx(t.Context(), func(tx *Tx) error {
		_, err := tx.ExecContext(t.Context(), `CREATE TABLE t (a INTEGER PRIMARY KEY)`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func insertInto(t *testing.T, db *DB, n int) error {
	ctx := t.Context()
	return db.InTx(ctx, func(tx *Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO t VALUES (?1)`, n)
		return err
	})
}

// copyFile puts the same content at path, as another file.
func copyFile(t *testing.T, path string) {
	t.Helper()
	content, err := os.ReadFile(path + ".away")
	if err == nil {
		err = os.WriteFile(path, content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func BenchmarkFile_check(b *testing.B) {
	db, err := Open(b.Context(), filepath.Join(b.TempDir(), "t.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	b.ReportAllocs()
	for b.Loop() {
		if err := db.sqlite.Check(); err != nil {
			b.Fatal(err)
		}
	}
}

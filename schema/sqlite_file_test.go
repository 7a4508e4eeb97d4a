package schema

import (
	"bytes"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// foreign makes a file of another program.
func foreign(t *testing.T, statements ...string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "other.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestOpen_foreign: a file of another program stays as it is, byte by byte, and its tables are
// named.
func TestOpen_foreign(t *testing.T) {
	text := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(text, []byte(strings.Repeat("not a database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ path, says string }{
		"tables":              {foreign(t, `CREATE TABLE heads (a)`, `CREATE TABLE customers (a)`), "customers, heads"},
		"tables of many":      {foreign(t, `CREATE TABLE a (a)`, `CREATE TABLE b (a)`, `CREATE TABLE c (a)`, `CREATE TABLE d (a)`, `CREATE TABLE e (a)`, `CREATE TABLE f (a)`), "a, b, c, d, e and 1 more"},
		"goose of another":    {foreign(t, `CREATE TABLE goose_db_version (a)`, `CREATE TABLE orders (a)`), "goose_db_version, orders"},
		"with a log of WAL":   {foreign(t, `PRAGMA journal_mode = WAL`, `CREATE TABLE customers (a)`), "customers"},
		"no database":         {text, "no SQLite database"},
		"a folder":            {t.TempDir(), "is a folder"},
		"with a rollback log": {foreign(t, `PRAGMA journal_mode = PERSIST`, `CREATE TABLE customers (a)`), "customers"},
	} {
		t.Run(name, func(t *testing.T) {
			before, _ := os.ReadFile(c.path)
			for what, open := range map[string]func() (*DB, error){
				"Open":         func() (*DB, error) { return Open(t.Context(), c.path) },
				"OpenExisting": func() (*DB, error) { return OpenExisting(t.Context(), c.path) },
			} {
				db, err := open()
				if !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), c.says) {
					t.Errorf("%s: err %v, want ErrForeign and %q", what, err, c.says)
				}
				if err == nil {
					_ = db.Close()
				}
			}
			if after, _ := os.ReadFile(c.path); !bytes.Equal(before, after) {
				t.Error("the file has been changed")
			}
			for _, beside := range []string{"-wal", "-shm"} {
				if _, err := os.Stat(c.path + beside); err == nil {
					t.Errorf("a file %s was left behind", beside)
				}
			}
		})
	}
}

// TestOpen_ours: what was begun, or has more in it, is taken.
func TestOpen_ours(t *testing.T) {
	for name, path := range map[string]string{
		"empty":                 foreign(t, `VACUUM`),
		"begun":                 foreign(t, `CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY AUTOINCREMENT, version_id INTEGER NOT NULL, is_applied INTEGER NOT NULL, tstamp TIMESTAMP DEFAULT (datetime('now')))`, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1)`),
		"a file without a byte": filepath.Join(t.TempDir(), "none.db"),
	} {
		t.Run(name, func(t *testing.T) {
			if name == "a file without a byte" {
				if err := os.WriteFile(path, nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			db := openAt(t, path)
			if _, err := db.write.ExecContext(t.Context(), `CREATE TABLE of_my_own (a)`); err != nil {
				t.Fatal(err)
			}
			again, err := OpenExisting(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			_ = again.Close()
		})
	}
}

// TestOpenExisting: nothing is made, neither the file nor what is beside it.
func TestOpenExisting(t *testing.T) {
	folder := t.TempDir()
	empty := filepath.Join(folder, "empty.db")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(folder, "missing.db"), empty} {
		if _, err := OpenExisting(t.Context(), path); !errors.Is(err, ErrNoDatabase) || !strings.Contains(err.Error(), "orderflow migrate") {
			t.Errorf("%s: err %v, want ErrNoDatabase and what to do", path, err)
		}
	}
	there, err := os.ReadDir(folder)
	if err != nil || len(there) != 1 {
		t.Errorf("in the folder there is %v, err %v; want empty.db alone", there, err)
	}
}

// TestOpen_mode: only its owner can read what was made.
func TestOpen_mode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	db := openAt(t, path)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the mode of %s is %v, err %v; want 0600", path+suffix, info.Mode(), err)
		}
	}
	if db.DSN().OthersCanRead() {
		t.Error("others can read it")
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if !db.DSN().OthersCanRead() {
		t.Error("others cannot read a file of mode 0644")
	}
}

package schema

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestFile_logReplaced: nothing is told to be committed once one of the files beside the database
// is gone, or is another one, and everything works again when it is back.
func TestFile_logReplaced(t *testing.T) {
	for _, beside := range []string{"-wal", "-shm"} {
		for name, replace := range map[string]func(t *testing.T, path string){
			"removed":  func(*testing.T, string) {},
			"replaced": copyFile,
		} {
			t.Run(beside+" "+name, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "t.db")
				db := openTable(t, path)
				if err := os.Rename(path+beside, path+beside+".away"); err != nil {
					t.Fatal(err)
				}
				replace(t, path+beside)
				if err := insertInto(t, db, 1); !errors.Is(err, ErrLogReplaced) || !errors.Is(err, ErrReplaced) {
					t.Errorf("a transaction: %v, want ErrLogReplaced, which is an ErrReplaced", err)
				}
				if err := db.Ping(t.Context()); !errors.Is(err, ErrLogReplaced) {
					t.Errorf("a ping: %v, want ErrLogReplaced", err)
				}
				if err := os.Rename(path+beside+".away", path+beside); err != nil {
					t.Fatal(err)
				}
				if err := insertInto(t, db, 2); err != nil {
					t.Errorf("with the file back in its place: %v", err)
				}
			})
		}
	}
}

// TestFile_logRemovedAtCommit: the log goes while a transaction is open.
func TestFile_logRemovedAtCommit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	db := openTable(t, path)
	err := db.InTx(t.Context(), func(tx *Tx) error {
		if _, err := tx.ExecContext(t.Context(), `INSERT INTO t VALUES (1)`); err != nil {
			return err
		}
		return os.Remove(path + "-wal")
	})
	if !errors.Is(err, ErrLogReplaced) || !errors.Is(err, ErrCommit) {
		t.Errorf("a commit to a log that was removed: %v, want ErrLogReplaced and ErrCommit", err)
	}
}

// TestFile_logOfOthers: neither pools that close what they have open nor other processes that
// come and go make another log.
func TestFile_logOfOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	db := openMigrated(t, path)
	for range 2 {
		other, err := Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		if err := other.Close(); err != nil {
			t.Fatal(err)
		}
		db.write.SetMaxIdleConns(-1) // the connections of the pools go
		db.read.SetMaxIdleConns(-1)
	}
	if err := keep(t, db, "n"); err != nil {
		t.Errorf("after all connections of the pools were closed: %v", err)
	}
}

// TestFile_logRemovedSaved: what was committed into a log that was removed is put into the file by Tend,
// and is there also for somebody who has the file alone.
func TestFile_logRemovedSaved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	db := openMigrated(t, path)
	if err := keep(t, db, "n"); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path + "-wal"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.WAL().Tend(t.Context()); !errors.Is(err, ErrLogReplaced) {
		t.Errorf("looking after the log: %v, want ErrLogReplaced", err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "copy.db")
	if err := os.WriteFile(copied, content, 0o600); err != nil {
		t.Fatal(err)
	}
	wantProbe(t, copied, "n")
}

// TestFile_logRemovedClosed: so does the close of the last connection.
func TestFile_logRemovedClosed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	db := openMigrated(t, path)
	if err := keep(t, db, "n"); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path + "-wal"); err != nil {
		t.Fatal(err)
	}
	for range 2 { // a second close does nothing
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	wantProbe(t, path, "n")
}

// TestFile_indexRemovedKept: the index was removed, and another process writes. A close then leaves
// the log with what the other has written.
func TestFile_indexRemovedKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	db := openMigrated(t, path)
	if err := keep(t, db, "before"); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path + "-shm"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	log, err := os.Stat(path + "-wal")
	if err != nil || log.Size() == 0 {
		t.Errorf("the log was removed or emptied: %v", err)
	}
}

func openMigrated(t *testing.T, path string) *DB {
	t.Helper()
	db, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db
}

// keep writes a row.
func keep(t *testing.T, db *DB, node string) error {
	return db.InTx(t.Context(), func(tx *Tx) error { return writeProbe(t.Context(), tx, node, []byte("kept")) })
}

func wantProbe(t *testing.T, path, node string) {
	t.Helper()
	db, err := OpenExisting(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var content []byte
	if err := db.QueryRowContext(t.Context(), `SELECT content FROM probes WHERE node = ?1`, node).Scan(&content); err != nil || string(content) != "kept" {
		t.Errorf("the row of %s is %q: %v", node, content, err)
	}
}

// TestDB_Close_twice: as database/sql has it, nothing is wrong with a second close.
func TestDB_Close_twice(t *testing.T) {
	db := openMigrated(t, filepath.Join(t.TempDir(), "t.db"))
	for range 2 {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestFile_logTaken: the log was removed, its content was saved, and another process has made
// a log of its own. A close then leaves that log as it is.
func TestFile_logTaken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	db := openMigrated(t, path)
	if err := os.Remove(path + "-wal"); err != nil {
		t.Fatal(err)
	}
	const other = "of another process"
	if err := os.WriteFile(path+"-wal", []byte(other), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path + "-wal"); err != nil || string(got) != other {
		t.Errorf("the log of another process is %q: %v", got, err)
	}
}

package sqlitedb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite"
)

// CopyTo writes what the file holds at one moment to a new file, for its owner only, and has the disk keep it. Others
// may write meanwhile; the write-ahead log grows until it is done. What is left after an error is removed.
func (db *DB) CopyTo(ctx context.Context, path string) (err error) {
	made, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator names it
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(path))
		}
	}()
	if err := made.Close(); err != nil {
		return err
	}
	conn, err := db.once.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	// A connection that only asks may not even write to another file. This one is closed afterwards.
	if _, err := conn.ExecContext(ctx, `PRAGMA query_only = 0`); err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, `VACUUM INTO ?1`, path); err != nil {
		return err
	}
	return keepOnDisk(path)
}

// keepOnDisk has the disk keep a file or a folder. Nobody may have the file open.
func keepOnDisk(path string) error {
	f, err := os.Open(path) //nolint:gosec // the operator names it
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Replace puts a file in the place of a database that no other process has open, and gives the name under which the
// one before is kept. If there is none yet, kept is empty. A process that opens the database meanwhile waits, and finds
// that it was replaced. If another one has it open, the error is SQLite's of a locked file, and nothing has changed.
func Replace(ctx context.Context, path, with string) (kept string, err error) {
	folder := filepath.Dir(path)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return "", errors.Join(os.Rename(with, path), keepOnDisk(folder))
	}
	db := sql.OpenDB(connector{driver: &sqlite.Driver{}, source: source(path, ToWrite.query())})
	db.SetMaxOpenConns(1)
	defer func() { err = errors.Join(err, db.Close()) }()
	conn, err := db.Conn(ctx)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	// Only who has the file alone can leave WAL, with which all that is in the log goes into the file.
	var mode string
	if err := conn.QueryRowContext(ctx, `PRAGMA journal_mode = DELETE`).Scan(&mode); err != nil {
		return "", err
	}
	if mode != "delete" {
		return "", fmt.Errorf("the journal mode of %s is %s", path, mode)
	}
	if _, err := conn.ExecContext(ctx, `BEGIN EXCLUSIVE`); err != nil {
		return "", err
	}
	kept = path + ".before-" + time.Now().UTC().Format("20060102T150405.000Z")
	if err := os.Rename(path, kept); err != nil {
		return "", err
	}
	return kept, errors.Join(os.Rename(with, path), keepOnDisk(folder))
}

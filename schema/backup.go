package schema

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"orderflow/schema/sqlitedb"
)

// Backup writes a copy of the database, as it is at one moment, while others work on it. On SQLite it is a new file, for
// its owner only. On SQL Server the file is one of the server's machine (see BackupStatements).
func (db *DB) Backup(ctx context.Context, file string) error {
	if db.sqlite != nil {
		if err := db.sqlite.CopyTo(ctx, file); err != nil {
			return fmt.Errorf("copy %s to %s: %w", db.dsn, file, db.dialect.translate(err))
		}
		return nil
	}
	statements, err := BackupStatements(db.dsn, file)
	if err != nil {
		return err
	}
	return runEach(ctx, db.write, statements)
}

// BackupStatements is T-SQL that makes a backup of a whole database of a SQL Server, beside those that are planned, and
// reads it back.
func BackupStatements(dsn DSN, file string) ([]string, error) {
	name, err := databaseName(dsn)
	return []string{
		"BACKUP DATABASE " + name + " TO DISK = " + nText(file) + " WITH COPY_ONLY, CHECKSUM, FORMAT",
		"RESTORE VERIFYONLY FROM DISK = " + nText(file) + " WITH CHECKSUM",
	}, err
}

// RestoreStatements is T-SQL that puts such a backup in the place of a database. It is to be run in another database. The
// server refuses it while anybody is connected to the one that is replaced.
func RestoreStatements(dsn DSN, file string) ([]string, error) {
	name, err := databaseName(dsn)
	return []string{
		"RESTORE VERIFYONLY FROM DISK = " + nText(file) + " WITH CHECKSUM",
		"RESTORE DATABASE " + name + " FROM DISK = " + nText(file) + " WITH REPLACE, CHECKSUM",
	}, err
}

func databaseName(dsn DSN) (quoted string, err error) {
	if dsn.URL == nil {
		return "", errors.New("a SQLite file is copied by no statement")
	}
	name := dsn.URL.Query().Get("database")
	if name == "" {
		return "", errors.New("the DSN names no database: give database=NAME")
	}
	return "[" + strings.ReplaceAll(name, "]", "]]") + "]", nil
}

func nText(s string) string { return "N'" + strings.ReplaceAll(s, "'", "''") + "'" }

// Restore puts a backup in the place of a database that nobody has open. On SQLite file is the one that is put there, and
// kept is where the one before is; empty if there was none.
func Restore(ctx context.Context, dsn DSN, file string) (kept string, err error) {
	if dsn.URL == nil {
		if kept, err = sqlitedb.Replace(ctx, dsn.Path, file); err != nil {
			return kept, fmt.Errorf("replace %s, which nobody may have open: %w", dsn, sqlite{}.translate(err))
		}
		return kept, nil
	}
	statements, err := RestoreStatements(dsn, file)
	if err != nil {
		return "", err
	}
	elsewhere, q := *dsn.URL, dsn.URL.Query()
	q.Set("database", "master")
	elsewhere.RawQuery = q.Encode()
	db, err := sqlServerPool(DSN{URL: &elsewhere}, 1, &traffic{})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return "", runEach(ctx, db, statements)
}

// runEach runs statements of which none may be in a transaction.
func runEach(ctx context.Context, db *sql.DB, statements []string) error {
	for _, s := range statements {
		if _, err := db.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, sqlServer{}.translate(err))
		}
	}
	return nil
}

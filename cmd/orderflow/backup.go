package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"orderflow/schema"
)

// backupFlags are what backup and restore have in common.
type backupFlags struct {
	dataFlags
	File   string `arg:"" help:"The backup; on SQL Server a path of the server's machine."`
	DryRun bool   `name:"dry-run" help:"Change nothing: say what would be done, and on SQL Server the statements."`
}

// copied is what backup and restore print.
type copied struct {
	Database   string   `json:"database"`
	File       string   `json:"file"`
	DryRun     bool     `json:"dry_run"`
	Statements []string `json:"statements,omitempty"` // of SQL Server
	// Kept is where the database before a restore is; empty if there was none, and on SQL Server.
	Kept string `json:"kept,omitempty"`
}

// backupCmd makes a backup.
type backupCmd struct{ backupFlags }

func (backupCmd) Help() string {
	return `Nodes go on meanwhile. On SQLite the backup is a new file, compact and of one moment, which is then read as a whole (check --deep);
the exit code is 1 if it is not good. On SQL Server it is made WITH COPY_ONLY, so that planned backups are not disturbed, and verified
by the server; the login must be allowed to BACKUP DATABASE.

Example: orderflow backup shop-2026-01-31.db --dsn shop.db`
}

func (c *backupCmd) Run(ctx context.Context, out *output) error {
	dsn, err := schema.ParseDSN(c.DSN)
	if err != nil {
		return err
	}
	told := copied{Database: dsn.String(), File: c.File, DryRun: c.DryRun}
	if dsn.URL != nil {
		if told.Statements, err = schema.BackupStatements(dsn, c.File); err != nil {
			return usageError(err)
		}
	} else if err := c.absent(); err != nil {
		return err
	}
	err = c.reading(ctx, out, func(db *schema.DB) error {
		if c.DryRun {
			return nil
		}
		return db.Backup(ctx, c.File)
	})
	if err != nil {
		return err
	}
	if !c.DryRun && dsn.URL == nil {
		if err := checkFile(ctx, out, c.File); err != nil {
			return fmt.Errorf("the backup %s is not good: %w", c.File, err)
		}
	}
	return c.print(out, told, func() error { return told.say(out, "copied to") })
}

// absent refuses a file that is there.
func (c *backupCmd) absent() error {
	if _, err := os.Lstat(c.File); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fmt.Errorf("%s is there already: a backup is a new file", c.File), err)
	}
	return nil
}

// say prints what was done, or would be.
func (t copied) say(out *output, what string) error {
	for _, s := range t.Statements {
		if err := out.sayf("%s;", s); err != nil {
			return err
		}
	}
	switch {
	case t.DryRun:
		return out.sayf("nothing was done: %s would be %s %s", t.Database, what, t.File)
	case t.Kept != "":
		return out.sayf("%s was %s %s; what it was before is %s", t.Database, what, t.File, t.Kept)
	}
	return out.sayf("%s was %s %s", t.Database, what, t.File)
}

// checkFile reads a SQLite file as a whole and says what is wrong.
func checkFile(ctx context.Context, out *output, file string) error {
	quiet := &output{w: out.notes, notes: out.notes, offers: out.offers} // what it finds is no result of the backup
	return (&checkCmd{dataFlags: dataFlags{databaseFlag: databaseFlag{DSN: "sqlite:" + file}}, Deep: true, Quiet: true}).Run(ctx, quiet)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"orderflow/cmd/orderflow/node"
	"orderflow/domain"
	"orderflow/handlers/operate"
	"orderflow/schema"
	"orderflow/transport/messaging/inflight"
)

// restoreCmd puts a backup in the place of the database.
type restoreCmd struct {
	backupFlags
	before []node.Head // of the log that is replaced; nil if there was none
}

func (restoreCmd) Help() string {
	return `Stop all nodes first: a database that a live node, or any other process, has open is not replaced. On SQLite the backup is read as a
whole first (check --deep), and the database before is kept beside the new one, under the name that is told. On SQL Server it is
replaced. Afterwards "orderflow check" is run on what is there; the exit code is 1 if it finds something wrong. Orders placed after the
backup are gone.

Example: orderflow restore shop-2026-01-31.db --dsn shop.db`
}

func (c *restoreCmd) Run(ctx context.Context, out *output) error {
	dsn, err := schema.ParseDSN(c.DSN)
	if err != nil {
		return err
	}
	told := copied{Database: dsn.String(), File: c.File, DryRun: c.DryRun}
	if dsn.URL == nil { // a file of SQL Server is on the server's machine
		if err := holdsBackup(c.File); err != nil {
			return err
		}
	}
	if err := c.idle(ctx, out, dsn); err != nil {
		return err
	}
	if dsn.URL != nil {
		if told.Statements, err = schema.RestoreStatements(dsn, c.File); err != nil {
			return usageError(err)
		}
	} else if err := checkFile(ctx, out, c.File); err != nil {
		return fmt.Errorf("the backup %s is not good: %w", c.File, err)
	}
	if !c.DryRun {
		if told.Kept, err = c.replace(ctx, out, dsn); err != nil {
			return err
		}
		c.record(ctx, out)
	}
	if err := c.print(out, told, func() error { return told.say(out, "restored from") }); err != nil || c.DryRun {
		return err
	}
	return (&checkCmd{dataFlags: dataFlags{databaseFlag: c.databaseFlag}, Quiet: true}).Run(ctx, &output{w: out.notes, notes: out.notes, offers: out.offers})
}

// record notes the restore in the database that was restored. A backup of an older version has no place for that.
func (c *restoreCmd) record(ctx context.Context, out *output) {
	by := operate.By{Actor: actor(""), Reason: "a backup was restored by orderflow restore", About: map[string]string{"run_by": runBy()}}
	if err := c.with(ctx, func(db *schema.DB) error { return node.RecordRestore(ctx, db, c.File, c.before, by) }); err != nil {
		out.notef("the restore could not be written into the log of operations: %v", err)
	}
}

// holdsBackup refuses a file that is not there, or holds nothing.
func holdsBackup(file string) error {
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no backup %s: name the file that \"orderflow backup\" wrote", file)
	case err != nil:
		return fmt.Errorf("the backup %s is not good: %w", file, err)
	case info.IsDir() || info.Size() == 0:
		return fmt.Errorf("the backup %s is not good: it is a folder, or an empty file", file)
	}
	return nil
}

// idle refuses a database that a live node works on.
func (c *restoreCmd) idle(ctx context.Context, out *output, dsn schema.DSN) error {
	var alive []string
	err := opened(ctx, forReading(schema.OpenToLook, out), c.DSN, func(db *schema.DB) error {
		all, err := inflight.NewNodes(db).List(ctx)
		for _, n := range all {
			if !n.Expired {
				alive = append(alive, n.Node)
			}
		}
		if err == nil {
			c.before, err = node.HeadsOf(ctx, db)
		}
		return err
	})
	switch {
	case len(alive) > 0:
		return fmt.Errorf("%w: live nodes work on %s: %s. Stop them first", errInUse, dsn, strings.Join(alive, ", "))
	case errors.Is(err, schema.ErrNoDatabase), err == nil:
		return nil
	}
	out.notef("whether live nodes work on %s cannot be told (%v): it is not replaced if any process has it open", dsn, err)
	return nil
}

var errInUse = errors.New("the database is in use")

// replace puts the backup in its place.
func (c *restoreCmd) replace(ctx context.Context, out *output, dsn schema.DSN) (kept string, err error) {
	if dsn.URL != nil {
		return schema.Restore(ctx, dsn, c.File)
	}
	whole := dsn.Path + ".restoring" // so that the file is there as a whole, or not at all
	err = opened(ctx, forReading(schema.OpenToRead, out), "sqlite:"+c.File, func(db *schema.DB) error { return db.Backup(ctx, whole) })
	if err != nil {
		return "", err
	}
	kept, err = schema.Restore(ctx, dsn, whole)
	if err != nil && kept == "" {
		err = errors.Join(err, os.Remove(whole))
	}
	return kept, err
}

// usageError has the exit code be that of wrong use.
func usageError(err error) error { return fmt.Errorf("%w: %w", domain.ErrInvalid, err) }

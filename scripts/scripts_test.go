package scripts_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"orderflow/schema"
	"orderflow/schema/schematest"
)

// result is what a script left behind.
type result struct {
	code           int
	stdout, stderr string
}

// script runs a script on a database.
func script(t *testing.T, db, name string, args ...string) result {
	t.Helper()
	cmd := exec.Command("./"+name, args...)
	cmd.Env = environment(db)
	return outcome(t, cmd)
}

func outcome(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return result{code: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
}

func (r result) want(t *testing.T, code int, says ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d\n%s%s", r.code, code, r.stdout, r.stderr)
	}
	for _, s := range says {
		if !strings.Contains(r.stdout+r.stderr, s) {
			t.Errorf("it does not say %q\n%s%s", s, r.stdout, r.stderr)
		}
	}
}

// database is a copy of the prepared one.
func database(t *testing.T) string {
	t.Helper()
	// All processes that had it open have ended, so that it is one file.
	content, err := os.ReadFile(system.db)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "orders.db")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// altered is a copy in which somebody has written to the view of one order, whose id it
// gives too.
func altered(t *testing.T) (path, id string) {
	t.Helper()
	path = database(t)
	ids, err := list("--tracking-id", "order-2")
	if err != nil || len(ids) != 1 {
		t.Fatalf("orders with the tracking id: %v, err %v", ids, err)
	}
	db, err := schema.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	err = db.InTx(t.Context(), func(tx *schema.Tx) error {
		result, err := tx.ExecContext(t.Context(), `UPDATE orders SET completed_at = placed_at WHERE tracking_id = ?1`, "order-2")
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n != 1 {
			t.Errorf("%d rows were altered (err %v), want 1", n, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return path, ids[0]
}

func TestVerify(t *testing.T) {
	t.Run("nothing wrong", func(t *testing.T) {
		script(t, database(t), "verify.sh").want(t, 0, "== check", "== projections verify")
	})
	t.Run("an altered view", func(t *testing.T) {
		db, id := altered(t)
		script(t, db, "verify.sh").want(t, 1, id)
		script(t, "elsewhere.db", "verify.sh", "--dsn", db).want(t, 1, id)
		script(t, "elsewhere.db", "verify.sh", "--json", "--dsn="+db).want(t, 1, `"`+id+`"`)
	})
}

func TestRebuild(t *testing.T) {
	db, id := altered(t)
	script(t, db, "rebuild-projections.sh").want(t, 0, "== verify", id)
	script(t, db, "verify.sh").want(t, 0)
}

func TestReplay(t *testing.T) {
	db, id := altered(t)
	t.Run("every order", func(t *testing.T) {
		ids, err := list()
		if err != nil || len(ids) < 2 {
			t.Fatalf("orders: %v, err %v", ids, err)
		}
		script(t, system.db, "replay.sh", ids...).want(t, 0, append(ids, "OrderPlaced", "OrderCompleted", "StepRolledBack", "RollingBack")...)
	})
	t.Run("an altered view", func(t *testing.T) {
		script(t, db, "replay.sh", id).want(t, 1, "Customers see something else")
	})
	t.Run("an unknown order", func(t *testing.T) {
		script(t, db, "replay.sh", "01890000-0000-7000-8000-000000000000").want(t, 1, "not found")
	})
	t.Run("one of two is unknown", func(t *testing.T) {
		script(t, system.db, "replay.sh", "01890000-0000-7000-8000-000000000000", id).want(t, 1, "OrderPlaced")
	})
}

// TestBackup makes a backup, and puts it in the place of a database that somebody has altered.
func TestBackup(t *testing.T) {
	saved := filepath.Join(t.TempDir(), "saved.db")
	script(t, system.db, "backup.sh", "--dry-run", saved).want(t, 0, "nothing was done")
	script(t, system.db, "backup.sh", saved).want(t, 0, "was copied to", "nothing is wrong")
	script(t, system.db, "backup.sh", saved).want(t, 1, "is there already")
	db, id := altered(t)
	script(t, db, "restore.sh", saved, "--dry-run").want(t, 0, "nothing was done")
	script(t, db, "verify.sh").want(t, 1, id)
	script(t, db, "restore.sh", saved).want(t, 0, "was restored from", "what it was before is", "== projections verify")
	script(t, db, "verify.sh").want(t, 0)
}

// TestScripts_dryRun: of what would be run, nothing is.
func TestScripts_dryRun(t *testing.T) {
	db, id := altered(t)
	script(t, db, "rebuild-projections.sh", "--dry-run").want(t, 0, "would run: orderflow projections rebuild")
	script(t, db, "verify.sh", "--dry-run").want(t, 0, "would run: orderflow check", "would run: orderflow projections verify")
	script(t, db, "replay.sh", "--dry-run", id).want(t, 0, "would run: orderflow orders replay "+id)
	script(t, db, "verify.sh").want(t, 1, id)
}

// TestScripts_sqlserver runs every script on a SQL Server. What a TDS engine cannot do is shown by package main.
func TestScripts_sqlserver(t *testing.T) {
	schematest.NeedSQLServer(t)
	dsn := schematest.SQLServerDSN(t)
	with := func(args ...string) string {
		cmd := program(args...)
		cmd.Env = environment(dsn)
		r := outcome(t, cmd)
		r.want(t, 0)
		return strings.TrimSpace(r.stdout)
	}
	with("migrate")
	id := with("orders", "place", "--tracking-id", "t-1")
	script(t, dsn, "rebuild-projections.sh").want(t, 0, "== verify")
	script(t, dsn, "verify.sh").want(t, 0)
	script(t, dsn, "replay.sh", id).want(t, 0, "OrderPlaced")
	script(t, dsn, "backup.sh", "of.bak", "--dry-run").want(t, 0, "BACKUP DATABASE [")
	script(t, dsn, "restore.sh", "of.bak", "--dry-run").want(t, 0, "RESTORE DATABASE [")
}

// TestScripts_use holds what all scripts say of wrong use.
func TestScripts_use(t *testing.T) {
	scripts, err := filepath.Glob("*.sh")
	if err != nil || len(scripts) < 4 {
		t.Fatalf("scripts: %v, err %v", scripts, err)
	}
	for _, name := range scripts {
		if name == "program.sh" {
			continue // sourced by the others
		}
		t.Run(name, func(t *testing.T) {
			script(t, system.db, name, "--help").want(t, 0, "Usage: "+name, "Exit codes:", "ORDERFLOW_BIN")
			script(t, system.db, name, "--force").want(t, 2, "unknown argument: --force", "--help")
			script(t, system.db, name, "--dsn").want(t, 2, "--dsn needs a value")
			script(t, system.db, name, "--help").want(t, 0, "--dry-run")
			order, missing := []string{}, "there is no database file"
			switch name {
			case "replay.sh":
				script(t, system.db, name).want(t, 2, "no order id")
				script(t, system.db, name, "4711").want(t, 2, "not an order id")
				order = append(order, "01890000-0000-7000-8000-000000000000")
			case "backup.sh", "restore.sh":
				script(t, system.db, name).want(t, 2, "no file")
				script(t, system.db, name, "a", "b").want(t, 2, "more than one file: b")
				order = append(order, filepath.Join(t.TempDir(), "missing.db"))
			}
			if name == "restore.sh" {
				missing = "there is no backup"
			}
			script(t, system.db, name, append([]string{"--dsn", "postgres://h"}, order...)...).want(t, 2)
			script(t, filepath.Join(t.TempDir(), "missing.db"), name, order...).want(t, 1, missing)

			cmd := exec.Command("./"+name, order...)
			cmd.Env = append(environment(system.db), "ORDERFLOW_BIN="+filepath.Join(t.TempDir(), "nothing"))
			outcome(t, cmd).want(t, 2, "was not found")
		})
	}
}

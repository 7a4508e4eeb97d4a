package schema_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"orderflow/schema"
	"orderflow/schema/schematest"
)

// unknown is the number of a migration that only newer programs know.
const unknown = 9001

// newer has a newer program migrate a database, which then needs programs that know oldest.
func newer(t *testing.T, db *schema.DB, oldest int64) {
	t.Helper()
	err := db.InTx(t.Context(), func(tx *schema.Tx) error {
		_, err := tx.ExecContext(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (?1, ?2)`, unknown, true)
		if err == nil {
			_, err = tx.ExecContext(t.Context(), `UPDATE compatibility SET oldest_program = ?1`, oldest)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// sameDatabase is the DSN under which a database can be opened again.
func sameDatabase(db *schema.DB) string {
	if dsn := db.DSN(); dsn.URL != nil {
		return dsn.URL.String()
	}
	return "sqlite:" + db.DSN().Path
}

// TestOpen_newer: a newer schema is worked on if it says so, and only then.
func TestOpen_newer(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		db := open(t)
		newer(t, db, 1)
		again, err := schema.Open(t.Context(), sameDatabase(db))
		if err != nil {
			t.Fatalf("a newer schema that lets this program work: %v", err)
		}
		if ran, err := again.Migrate(t.Context()); err != nil || len(ran) != 0 {
			t.Errorf("migrated %v, err %v; want nothing", ran, err)
		}
		if err := again.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestOpen_tooOld(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		db := open(t)
		newer(t, db, unknown)
		_, err := schema.Open(t.Context(), sameDatabase(db))
		if !errors.Is(err, schema.ErrTooOld) || !strings.Contains(err.Error(), "knows 9001") || !regexp.MustCompile(`up to \d+,`).MatchString(err.Error()) {
			t.Errorf("err = %v, want ErrTooOld with both versions", err)
		}
		look, err := schema.OpenToLook(t.Context(), sameDatabase(db), func(string) {})
		if err != nil {
			t.Fatalf("to look: %v", err)
		}
		defer func() { _ = look.Close() }()
		all, err := look.Migrations(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range all {
			if last := i == len(all)-1; m.Unknown != last || last && (m.Version != unknown || !m.Applied || m.At.IsZero()) {
				t.Errorf("migration %+v; want the last one, and no other, to be unknown, %d and applied", m, unknown)
			}
		}
	})
}

// TestMigrations_compatibility: whoever adds a migration has thought about which programs may
// still work on the schema.
func TestMigrations_compatibility(t *testing.T) {
	files, err := filepath.Glob("migrations/*/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d migrations, err %v", len(files), err)
	}
	says := regexp.MustCompile(`(?m)^UPDATE compatibility SET oldest_program = \d+`)
	for _, file := range files {
		if filepath.Base(file) <= "00007_versions.sql" {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !says.Match(text) {
			t.Errorf("%s does not say which programs may still work: UPDATE compatibility SET oldest_program = ... (the number of the newest migration they must know)", file)
		}
	}
}

// TestOpen_noCompatibility: without its row nobody works on the database; the error says what puts it
// back as it was.
func TestOpen_noCompatibility(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		db := open(t)
		do := func(statement string) {
			t.Helper()
			err := db.InTx(t.Context(), func(tx *schema.Tx) error { _, err := tx.ExecContext(t.Context(), statement); return err })
			if err != nil {
				t.Fatal(err)
			}
		}
		before, err := db.Compatibility(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		do(`DELETE FROM compatibility`)
		_, err = schema.Open(t.Context(), sameDatabase(db))
		if !errors.Is(err, schema.ErrNoCompatibility) {
			t.Fatalf("err = %v, want ErrNoCompatibility", err)
		}
		_, statement, _ := strings.Cut(err.Error(), "put it back with ")
		do(statement)
		if after, err := db.Compatibility(t.Context()); err != nil || after != before {
			t.Errorf("put back %+v, err %v; want %+v", after, err, before)
		}
	})
}

// TestOlder: a schema without the newest migration is told from one that has it.
func TestOlder(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		db := open(t)
		if err := db.Older(t.Context()); err != nil {
			t.Errorf("a migrated database: %v", err)
		}
		err := db.InTx(t.Context(), func(tx *schema.Tx) error {
			_, err := tx.ExecContext(t.Context(), `DELETE FROM goose_db_version WHERE version_id >= 8`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Older(t.Context()); !errors.Is(err, schema.ErrOlderSchema) || !strings.Contains(err.Error(), "up to 7,") {
			t.Errorf("err = %v, want ErrOlderSchema with what there is", err)
		}
	})
}

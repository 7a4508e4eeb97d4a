package schematest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"orderflow/schema"
)

// Env names the variable that holds the SQL Server to test on. Its user must be able
// to create databases.
const Env = "ORDERFLOW_TEST_SQLSERVER"

// EachDialect runs f as a subtest on every database there is. f may call open any
// number of times; each call gives a new, migrated database that goes with the test, and whose leases can be judged.
func EachDialect(t *testing.T, f func(t *testing.T, open func(t testing.TB) *schema.DB)) {
	t.Run("sqlite", func(t *testing.T) { f(t, SQLite) })
	t.Run("sqlserver", func(t *testing.T) {
		NeedSQLServer(t)
		f(t, SQLServer)
	})
}

// NeedSQLServer skips the test, loudly, where there is no SQL Server to test on.
func NeedSQLServer(t testing.TB) {
	t.Helper()
	if os.Getenv(Env) == "" {
		t.Skipf("SKIPPED: T-SQL IS NOT TESTED. Set %s=sqlserver://user:password@host to test it", Env)
	}
}

// SQLite gives a new, migrated SQLite database in the test's folder.
func SQLite(t testing.TB) *schema.DB {
	t.Helper()
	return SQLiteAt(t, filepath.Join(t.TempDir(), "test.db"))
}

// SQLiteAt gives a new, migrated SQLite database in a file.
func SQLiteAt(t testing.TB, path string) *schema.DB {
	t.Helper()
	WriteSQLite(t, path)
	return open(t, path)
}

// migrated is the file of a new, migrated SQLite database. A copy takes a tenth of the migrations' time.
var migrated = sync.OnceValues(func() (content []byte, err error) {
	folder, err := os.MkdirTemp("", "orderflow-migrated-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	path := filepath.Join(folder, "new.db")
	db, err := schema.Open(context.Background(), path)
	if err != nil {
		return nil, err
	}
	_, err = db.Migrate(context.Background())
	if err = errors.Join(err, db.Close()); err != nil { // the last one to close takes the write-ahead log into the file
		return nil, err
	}
	return os.ReadFile(path) //nolint:gosec // it was made above
})

// WriteSQLite makes the file of a new, migrated SQLite database.
func WriteSQLite(t testing.TB, path string) {
	t.Helper()
	content, err := migrated()
	if err == nil {
		err = os.WriteFile(path, content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// SQLServer gives a new, migrated database on the server of the environment.
func SQLServer(t testing.TB) *schema.DB {
	t.Helper()
	return open(t, SQLServerDSN(t))
}

// SQLServerDSN creates an empty database on the server of the environment and gives its DSN.
func SQLServerDSN(t testing.TB) string {
	t.Helper()
	u, err := url.Parse(os.Getenv(Env))
	if err != nil {
		t.Fatalf("%s is not a URL", Env)
	}
	name := fmt.Sprintf("of_test_%x", randomBytes(6))
	server, err := sql.Open("sqlserver", u.String())
	if err != nil {
		t.Fatal(err)
	}
	for try := 1; ; try++ { // no two can be created at once: 1807, or what other engines say
		if _, err = server.Exec("CREATE DATABASE " + name); err == nil {
			break
		}
		if try == 10 {
			t.Fatalf("create a test database: %v", err)
		}
		time.Sleep(time.Duration(try) * 50 * time.Millisecond)
	}
	t.Cleanup(func() {
		if _, err := server.Exec("DROP DATABASE " + name); err != nil {
			t.Logf("drop the test database %s: %v", name, err)
		}
		_ = server.Close()
	})
	q := u.Query()
	q.Set("database", name)
	u.RawQuery = q.Encode()
	return u.String()
}

// Partitions gives a database without events n partitions at least.
func Partitions(t testing.TB, db *schema.DB, n int) {
	t.Helper()
	ctx := context.Background()
	err := db.InTx(ctx, func(tx *schema.Tx) error {
		var have int
		if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM heads WHERE partition >= 0").Scan(&have); err != nil {
			return err
		}
		for p := have; p < n; p++ {
			if _, err := tx.ExecContext(ctx, "INSERT INTO heads (partition, head) VALUES (?1, 0)", p); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Unprotect drops the triggers that refuse to change events and keys, for tests that do what an
// intruder with every right would do.
func Unprotect(t testing.TB, db *schema.DB) {
	t.Helper()
	triggers := []string{"events_append_only", "reservations_append_only"}
	if db.Dialect().Name() == "sqlite" {
		triggers = []string{"events_no_update", "events_no_delete", "events_no_replace",
			"reservations_no_update", "reservations_no_delete", "reservations_no_replace"}
	}
	ctx := context.Background()
	err := db.InTx(ctx, func(tx *schema.Tx) error {
		for _, name := range triggers {
			if _, err := tx.ExecContext(ctx, "DROP TRIGGER IF EXISTS "+name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, dsn string) *schema.DB {
	t.Helper()
	db, err := schema.Open(context.Background(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close the database: %v", err)
		}
	})
	if _, err := db.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := db.JoinClock(context.Background(), func(note string) { t.Log(note) }); err != nil {
		t.Fatal(err)
	}
	return db
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

// OnEach runs subtests, in the order of their names, on a database of each dialect with so many
// partitions. They share it and keep apart by name.
func OnEach(t *testing.T, partitions int, cases map[string]func(t *testing.T, db *schema.DB)) {
	t.Helper()
	EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		db := open(t)
		Partitions(t, db, partitions)
		for _, n := range slices.Sorted(maps.Keys(cases)) {
			t.Run(n, func(t *testing.T) { cases[n](t, db) })
		}
	})
}

// Again opens a database a second time, as another process would, until the test ends.
func Again(t testing.TB, db *schema.DB) *schema.DB {
	t.Helper()
	dsn := "sqlite:" + db.DSN().Path
	if u := db.DSN().URL; u != nil {
		dsn = u.String()
	}
	return opened(t, dsn)
}

// Through opens a SQL Server by way of a proxy, until the test ends.
func Through(t testing.TB, dsn string) (*Proxy, *schema.DB) {
	t.Helper()
	proxy, dsn := NewProxy(t, dsn)
	return proxy, opened(t, dsn)
}

func opened(t testing.TB, dsn string) *schema.DB {
	t.Helper()
	db, err := schema.Open(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	})
	return db
}

// NoBackups says that the server of the environment only speaks T-SQL, and has no BACKUP.
func NoBackups(t testing.TB) bool {
	t.Helper()
	server, err := sql.Open("sqlserver", os.Getenv(Env))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	var version string
	if err := server.QueryRow("SELECT @@VERSION").Scan(&version); err != nil {
		t.Fatal(err)
	}
	return !strings.HasPrefix(version, "Microsoft SQL Server")
}

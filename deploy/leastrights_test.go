package deploy_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	_ "github.com/microsoft/go-mssqldb" // the driver of the administrator's connection

	"orderflow/internal/process"
	"orderflow/schema/schematest"
)

// TestLeastRights works with logins that have the rights of grants.sql and no other. make test-all runs it where
// there is a SQL Server.
func TestLeastRights(t *testing.T) {
	t.Run("sqlserver", func(t *testing.T) {
		schematest.NeedSQLServer(t)
		program := build(t)
		t.Run("nodes", func(t *testing.T) { testRuntimeLogin(t, program) })
		t.Run("migration", func(t *testing.T) { testMigrationLogin(t, program) })
	})
}

// testRuntimeLogin has a node with all roles work as the run-time login, and the reading login check the outcome.
func testRuntimeLogin(t *testing.T, program string) {
	s := newServer(t)
	run(t, program, s.dsn, "migrate")
	s.runGrants(t)
	runtime, reader := s.login(t, runtimeRole), s.login(t, readerRole)

	node, err := process.Start(process.Config{
		Program: program, Dir: t.TempDir(), Name: "node",
		Flags: []string{"--dsn=" + runtime, "--no-migrate", "--step-duration=10ms", "--step-failure-rate=0.5", "--seed=7", "--heartbeat=2s", "--lease-ttl=20s"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(node.Kill) // it runs on if the test has failed
	const orders = 8
	for i := range orders {
		run(t, program, runtime, "orders", "place", "--tracking-id", fmt.Sprint("least-", i))
	}
	eventually(t, "all orders have ended, and some were rolled back", func() bool {
		var ended, failed int
		row := s.QueryRowContext(t.Context(), `SELECT COUNT(*), COALESCE(SUM(CASE WHEN status = 'Failed' THEN 1 ELSE 0 END), 0)
			FROM orders WHERE status IN ('Completed', 'Failed')`)
		return row.Scan(&ended, &failed) == nil && ended == orders && failed > 0
	})
	if err := node.Stop(time.Minute); err != nil {
		t.Error(err)
	}
	if said := strings.ToLower(node.Log()); strings.Contains(said, "permission") || strings.Contains(said, "denied") {
		t.Errorf("the node lacks rights:\n%s", said)
	}
	reads := []string{"projections verify", "orders list", "nodes list --all"}
	if !s.babelfish { // where the reader cannot be allowed to see the triggers, which these look for
		reads = append(reads, "check", "migrate --status")
	}
	for _, args := range reads {
		run(t, program, reader, strings.Fields(args)...)
	}
	for role, refused := range map[string]string{runtime: "DELETE FROM events WHERE 1 = 0", reader: "INSERT INTO orders SELECT * FROM orders WHERE 1 = 0"} {
		db := open(t, role)
		for _, query := range []string{refused, "DROP TABLE outbox", "CREATE TABLE mine (a INT)"} {
			if _, err := db.ExecContext(t.Context(), query); err == nil {
				t.Errorf("%s was not refused", query)
			}
		}
	}
}

// testMigrationLogin has the login that principals.sql describes make the tables, hand out the rights and rebuild
// the views, which renames tables.
func testMigrationLogin(t *testing.T, program string) {
	s := newServer(t)
	if s.babelfish {
		t.Skip("SKIPPED: Babelfish grants neither CREATE TABLE nor CONTROL ON SCHEMA; this needs a SQL Server")
	}
	dsn := s.login(t, runtimeRole, readerRole)
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	s.exec(t, "GRANT CREATE TABLE TO "+u.User.Username())
	s.exec(t, "GRANT CONTROL ON SCHEMA::dbo TO "+u.User.Username())
	run(t, program, dsn, "migrate")
	server{DB: open(t, dsn)}.runGrants(t)
	run(t, program, dsn, "projections", "rebuild")
}

// server is an empty database with the two roles, as its administrator sees it.
type server struct {
	*sql.DB
	dsn       string
	babelfish bool // which has few of the rights to grant
}

func newServer(t *testing.T) server {
	t.Helper()
	s := server{dsn: schematest.SQLServerDSN(t)}
	s.DB = open(t, s.dsn)
	var version string
	if err := s.QueryRowContext(t.Context(), "SELECT @@VERSION").Scan(&version); err != nil {
		t.Fatal(err)
	}
	s.babelfish = strings.Contains(version, "Babelfish")
	s.exec(t, "CREATE ROLE "+runtimeRole)
	s.exec(t, "CREATE ROLE "+readerRole)
	return s
}

func open(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlserver", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func (s server) exec(t *testing.T, query string) {
	t.Helper()
	if _, err := s.ExecContext(t.Context(), query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// runGrants runs grants.sql, as far as the server knows the rights.
func (s server) runGrants(t *testing.T) {
	t.Helper()
	for line := range strings.Lines(read(t, "deploy/sqlserver/grants.sql")) {
		if strings.HasPrefix(line, "GRANT") && (!s.babelfish || !strings.HasPrefix(line, "GRANT VIEW DEFINITION")) {
			s.exec(t, line)
		}
	}
}

// login makes a login that has some roles, and gives its DSN. It goes with the test.
func (s server) login(t *testing.T, roles ...string) (dsn string) {
	t.Helper()
	user, password := "of_test_"+strings.ToLower(rand.Text()[:12]), "Of1-"+rand.Text()
	s.exec(t, fmt.Sprintf("CREATE LOGIN %s WITH PASSWORD = '%s'", user, password))
	s.exec(t, fmt.Sprintf("CREATE USER %s FOR LOGIN %s WITH DEFAULT_SCHEMA = dbo", user, user))
	ctx := context.WithoutCancel(t.Context())
	t.Cleanup(func() {
		eventually(t, "the connections of "+user+" have ended", func() bool {
			_, _ = s.ExecContext(ctx, "DROP USER "+user)
			_, err := s.ExecContext(ctx, "DROP LOGIN "+user)
			return err == nil
		})
	})
	for _, role := range roles {
		s.exec(t, fmt.Sprintf("ALTER ROLE %s ADD MEMBER %s", role, user))
	}
	u, err := url.Parse(s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(user, password)
	return u.String()
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !done(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("gave up waiting: %s", what)
		}
	}
}

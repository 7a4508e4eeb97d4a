package main

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestE2E_Use holds the exit codes and what is said to whoever uses the program wrongly.
func TestE2E_Use(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db, missing := filepath.Join(dir, "orders.db"), filepath.Join(dir, "missing.db")
	weak := filepath.Join(dir, "weak")
	if err := os.WriteFile(weak, []byte("operator:short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	must(t, "migrate", "--dsn", db)
	const unknown = "01890000-0000-7000-8000-000000000000"
	for _, c := range []struct {
		name string
		args []string
		code int
		says string // on standard output if code is 0, on standard error otherwise
	}{
		{"help", []string{"--help"}, 0, "orderflow serve"},
		{"help of serve", []string{"serve", "--help"}, 0, "ORDERFLOW_STEP_FAILURE_RATE"},
		{"version", []string{"version"}, 0, "orderflow e2e"},
		{"version as a flag", []string{"--version"}, 0, "orderflow e2e ("},
		{"help as a command", []string{"help"}, 0, "orderflow serve"},
		{"help of a command", []string{"help", "orders", "list"}, 0, "--placed-after"},
		{"a port that there is not", []string{"serve", "--dsn", missing, "--listen", "127.0.0.1:70000"}, 2, "0 to 65535"},
		{"an admin port that there is not", []string{"serve", "--dsn", missing, "--admin", "127.0.0.1:-1"}, 2, "0 to 65535"},
		{"a port to ask that there is not", []string{"healthcheck", "--admin", "127.0.0.1:65536"}, 2, "--admin"},
		{"a flag twice", []string{"orders", "list", "--dsn", db, "--limit", "1", "--limit", "2"}, 2, "--limit is given more than once"},
		{"several statuses", []string{"orders", "list", "--dsn", db, "--status", "Failed", "--status", "Parked,Pending", "--node", "a", "--node", "b"}, 0, "ORDER"},
		{"no command", nil, 2, "Commands:"},
		{"half a command", []string{"orders"}, 2, "place"},
		{"unknown command", []string{"server"}, 2, "serve"},
		{"unknown flag", []string{"serve", "--worker", "3"}, 2, "--workers"},
		{"not a number", []string{"serve", "--workers", "many"}, 2, "--workers"},
		{"not a duration", []string{"serve", "--step-duration", "5"}, 2, "--step-duration"},
		{"no workers", []string{"serve", "--workers", "0"}, 2, "--workers is 0: give 1 to"},
		{"a ratio of 2", []string{"serve", "--step-failure-rate", "2"}, 2, "give a ratio from 0 to 1"},
		{"a negative duration", []string{"serve", "--step-duration=-1s"}, 2, "--step-duration is -1s"},
		{"a short lease", []string{"serve", "--lease-ttl", "2s"}, 2, "more than twice the heartbeat"},
		{"an unknown role", []string{"serve", "--roles", "api,cook"}, 2, `--roles has "cook"`},
		{"a name with a space", []string{"serve", "--node-id", "a b"}, 2, "--node-id"},
		{"not an address", []string{"serve", "--listen", "8080"}, 2, "give HOST:PORT"},
		{"the world without tokens", []string{"serve", "--listen", "0.0.0.0:0"}, 2, "--auth-file"},
		{"all interfaces without tokens", []string{"serve", "--admin", ":0"}, 2, "--auth-file"},
		{"a token file that is not there", []string{"serve", "--dsn", db, "--auth-file", missing, "--listen", ":0"}, 2, "--auth-file"},
		{"a weak token", []string{"serve", "--dsn", db, "--auth-file", weak}, 2, "line 1"},
		{"a port that is taken", []string{"serve", "--dsn", db, "--listen", taken.Addr().String(), "--admin", "127.0.0.1:0"}, 1, "another node?"},
		{"a schema that is missing", []string{"serve", "--dsn", filepath.Join(dir, "empty.db"), "--no-migrate", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"}, 1, "orderflow migrate"},
		{"the file of another program", []string{"migrate", "--dsn", weak}, 1, "is no SQLite database"},
		{"a node on the file of another program", []string{"serve", "--dsn", weak, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"}, 1, "is no SQLite database"},
		{"a password in the driver's own form", []string{"orders", "list", "--dsn", "server=127.0.0.1,1;user id=u;password=hunter2#;dial timeout=1"}, 1, "open sqlserver://u@127.0.0.1:1: "},
		{"an unknown kind of database", []string{"migrate", "--dsn", "postgres://h/d"}, 2, "sqlserver"},
		{"a database that is not there", []string{"orders", "list", "--dsn", missing}, 1, "there is no database file"},
		{"not an order id", []string{"orders", "get", "4711", "--dsn", db}, 2, "UUID"},
		{"an unknown order", []string{"orders", "get", unknown, "--dsn", db}, 1, "not found"},
		{"events of an unknown order", []string{"orders", "events", unknown, "--dsn", db}, 1, "not found"},
		{"a detail that is not JSON", []string{"orders", "place", "--detail", "{", "--dsn", db}, 2, "detail"},
		{"an unknown status", []string{"orders", "list", "--status", "Done", "--dsn", db}, 2, "Completed"},
		{"a limit of 0", []string{"orders", "list", "--limit", "0", "--dsn", db}, 2, "limit"},
		{"a bad cursor", []string{"orders", "list", "--cursor", "x", "--dsn", db}, 2, "cursor"},
		{"nodes", []string{"nodes", "list", "--dsn", db}, 0, "HEARTBEAT"},
		{"check", []string{"check", "--dsn", db}, 0, ""},
		{"status", []string{"projections", "status", "--dsn", db}, 0, "orders"},
		{"migrations", []string{"migrate", "--status", "--dsn", db}, 0, "00001_events.sql"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := orderflow(t, c.args...)
			said := r.stderr
			if c.code == 0 {
				said = r.stdout
			}
			if r.code != c.code || !strings.Contains(said, c.says) {
				t.Errorf("orderflow %q exited %d, want %d with %q said\n%s%s", c.args, r.code, c.code, c.says, r.stdout, r.stderr)
			}
		})
	}
	for _, path := range []string{missing, filepath.Join(dir, "empty.db")} {
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s has been made by a command that only looks", path)
		}
	}
}

// TestE2E_Commands places an order and looks at it without a node, and with one.
func TestE2E_Commands(t *testing.T) {
	t.Parallel()
	db := filepath.Join(t.TempDir(), "orders.db")
	must(t, "migrate", "--dsn", db)
	place := []string{"orders", "place", "--dsn", db, "--tracking-id", "web-1", "--detail", `{"n": 1}`}
	id := strings.TrimSpace(must(t, place...))
	if again := strings.TrimSpace(must(t, place...)); again != id {
		t.Errorf("placed again it is %s, want %s", again, id)
	}
	place[len(place)-1] = `{"n": 2}`
	if r := orderflow(t, place...); r.code != exitFailed || !strings.Contains(r.stderr, id) {
		t.Errorf("other content under the same tracking id exited %d, want 1 and order %s named\n%s", r.code, id, r.stderr)
	}

	var view struct {
		OrderID string          `json:"order_id"`
		Status  string          `json:"status"`
		Detail  json.RawMessage `json:"detail"`
		Steps   []any           `json:"steps"`
	}
	decode(t, must(t, "orders", "get", id, "--json", "--dsn", db), &view)
	if view.OrderID != id || view.Status != "Pending" || len(view.Steps) != 4 {
		t.Errorf("orders get: %+v", view)
	}

	p := start(t, db, "--step-duration", "10ms", "--step-failure-rate", "0")
	p.untilEnded(1)
	decode(t, must(t, "orders", "get", id, "--at", "2", "--json", "--dsn", db), &view)
	if view.Status != "Scheduling" {
		t.Errorf("orders get --at 2: %+v", view)
	}
	for at, want := range map[string]result{
		"0": {code: exitUsage, stderr: "or the number of a version from 1"}, "11": {code: exitUsage, stderr: "a version from 1 to 10, which is the last"},
		"2001-01-01T00:00:00Z": {code: exitFailed, stderr: "was placed at"},
	} {
		if r := call("orders", "get", id, "--at", at, "--dsn", db); r.code != want.code || !strings.Contains(r.stderr, want.stderr) {
			t.Errorf("orders get --at %s exited %d: %s", at, r.code, r.stderr)
		}
	}
	if got, want := must(t, "orders", "events", id, "--json", "--dsn", db), p.api().get("/v1/orders/"+id+"/events", nil); squeeze(got) != squeeze(string(want)) {
		t.Errorf("events by command:\n%s\nby the API:\n%s", got, want)
	}
	var nodes []struct {
		Node  string `json:"node"`
		Alive bool   `json:"alive"`
		PID   int    `json:"pid"`
		Admin string `json:"admin"`
	}
	listed := must(t, "nodes", "list", "--json", "--dsn", db)
	decode(t, listed, &nodes)
	if len(nodes) != 1 || nodes[0].Node != p.Node || !nodes[0].Alive || nodes[0].PID != p.PID || nodes[0].Admin != p.Admin {
		t.Errorf("nodes list: %+v, want %+v", nodes, p.Addresses)
	}
	if !regexp.MustCompile(`"state": "active",\s+"alive": true,\s+"slots"`).MatchString(listed) {
		t.Errorf("nodes list does not say beside the state whether the node is alive:\n%s", listed)
	}
	var page struct {
		Orders     []json.RawMessage `json:"orders"`
		NextCursor *string           `json:"next_cursor"`
	}
	decode(t, must(t, "orders", "list", "--status", "Completed", "--json", "--dsn", db), &page)
	if len(page.Orders) != 1 || page.NextCursor != nil {
		t.Errorf("orders list: %+v", page)
	}
	if table := must(t, "orders", "get", id, "--dsn", db); !strings.Contains(table, "PostProcessing  Completed") {
		t.Errorf("orders get as a table:\n%s", table)
	}
}

func decode(t *testing.T, text string, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), v); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
}

// squeeze drops line ends, which the two forms of a history place differently.
func squeeze(s string) string { return strings.ReplaceAll(s, "\n", "") }

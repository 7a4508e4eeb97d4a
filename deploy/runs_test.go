package deploy_test

import (
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// run is one way in which a file of this folder starts the program.
type run struct {
	where string
	args  []string          // the command and its flags
	env   map[string]string // what the program finds in its environment
	grace time.Duration     // from the first signal to the kill; 0 if nobody stops it
	delay time.Duration     // of grace, what goes by before the signal
}

// TestRuns_Settings holds every start of the program against its command line.
func TestRuns_Settings(t *testing.T) {
	p, spare := readProgram(t), shutdown(t)
	for _, r := range allRuns(t) {
		for _, problem := range r.problems(p, spare) {
			t.Errorf("%s: %s", r.where, problem)
		}
	}
}

// allRuns are the starts of the program in compose.yaml, Kubernetes and systemd.
func allRuns(t *testing.T) []run {
	t.Helper()
	all := slices.Concat(composeRuns(t), kubernetesRuns(t), systemdRuns(t))
	nodes := 0
	for _, r := range all {
		if r.args[0] == "serve" {
			nodes++
		}
	}
	if nodes < 7 { // three services of compose.yaml, two deployments, two units
		t.Fatalf("%d ways to start a node were found, want at least 7", nodes)
	}
	return all
}

// problems says what the program, or its supervisor, would not like about a run.
func (r run) problems(p program, spare time.Duration) (found []string) {
	complain := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	name := r.args[0]
	c, known := p[name]
	if !known {
		complain("there is no command %q", name)
		return found
	}
	for _, arg := range r.args[1:] {
		if _, there := c.defaults[strings.TrimLeft(strings.SplitN(arg, "=", 2)[0], "-")]; !there || !strings.HasPrefix(arg, "--") {
			complain("%s has no flag %q", name, arg)
		}
	}
	for _, env := range slices.Sorted(maps.Keys(r.env)) {
		if _, there := c.env[env]; !there && strings.HasPrefix(env, "ORDERFLOW_") {
			complain("%s does not read %s", name, env)
		}
	}
	found = append(found, r.loginProblems()...)
	if name == "serve" {
		found = append(found, r.serveProblems(c, spare)...)
	}
	return found
}

// loginProblems: nodes work as the run-time login and migrations as theirs, both on
// the database that the scripts make, and encrypted.
func (r run) loginProblems() (found []string) {
	dsn, err := url.Parse(r.env["ORDERFLOW_DSN"])
	if err != nil || dsn.Scheme != "sqlserver" || dsn.Host == "" {
		return []string{"ORDERFLOW_DSN is no sqlserver:// URL"}
	}
	want := map[string]string{"serve": "orderflow_runtime", "migrate": "orderflow_migration"}[r.args[0]]
	if got := dsn.User.Username(); got != want {
		found = append(found, fmt.Sprintf("%s runs as %q, want %q", r.args[0], got, want))
	}
	q := dsn.Query()
	if q.Get("database") != "orderflow" {
		found = append(found, "the DSN does not name the database orderflow")
	}
	if e := q.Get("encrypt"); e != "true" && e != "strict" {
		found = append(found, fmt.Sprintf("the DSN has encrypt=%q, so that anybody on the way can read it", e))
	}
	return found
}

func (r run) serveProblems(c command, spare time.Duration) (found []string) {
	complain := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	value := func(env string) string {
		if v, given := r.env[env]; given {
			return v
		}
		return c.defaults[c.env[env]]
	}
	if value("ORDERFLOW_NO_MIGRATE") != "true" {
		complain("the run-time login may not change the schema: set ORDERFLOW_NO_MIGRATE=true")
	}
	for _, role := range strings.Split(value("ORDERFLOW_ROLES"), ",") {
		if !slices.Contains([]string{"api", "worker", "projector"}, role) {
			complain("there is no role %q", role)
		}
	}
	for _, env := range []string{"ORDERFLOW_LISTEN", "ORDERFLOW_ADMIN"} {
		host, port, err := net.SplitHostPort(value(env))
		if err != nil || port == "" {
			complain("%s is %q, want HOST:PORT", env, value(env))
		}
		if ip := net.ParseIP(host); (ip == nil || !ip.IsLoopback()) && value("ORDERFLOW_AUTH_FILE") == "" {
			complain("%s is %q without ORDERFLOW_AUTH_FILE: the program refuses to start", env, value(env))
		}
	}
	drain, err := time.ParseDuration(value("ORDERFLOW_DRAIN_TIMEOUT"))
	if err != nil {
		complain("ORDERFLOW_DRAIN_TIMEOUT: %v", err)
	}
	if need := r.delay + drain + spare; r.grace <= need {
		complain("it is killed after %s, and may need %s to drain (%s before the signal, %s for steps, %s for requests)", r.grace, need, r.delay, drain, spare)
	}
	return found
}

// TestRuns_problems shows that each kind of mistake is seen.
func TestRuns_problems(t *testing.T) {
	p, spare := readProgram(t), shutdown(t)
	good := func() run {
		return run{args: []string{"serve"}, grace: time.Minute, env: map[string]string{
			"ORDERFLOW_DSN":        "sqlserver://orderflow_runtime:x@h:1433?database=orderflow&encrypt=true",
			"ORDERFLOW_NO_MIGRATE": "true", "ORDERFLOW_LISTEN": ":8080", "ORDERFLOW_AUTH_FILE": "/t",
		}}
	}
	if found := good().problems(p, spare); len(found) > 0 {
		t.Fatalf("a good run has problems: %v", found)
	}
	for name, spoil := range map[string]func(*run){
		"there is no command":        func(r *run) { r.args = []string{"start"} },
		"has no flag":                func(r *run) { r.args = append(r.args, "--lease=5s") },
		"does not read":              func(r *run) { r.env["ORDERFLOW_WORKER"] = "50" },
		"there is no role":           func(r *run) { r.env["ORDERFLOW_ROLES"] = "api,worke" },
		"want HOST:PORT":             func(r *run) { r.env["ORDERFLOW_ADMIN"] = "8765" },
		"refuses to start":           func(r *run) { delete(r.env, "ORDERFLOW_AUTH_FILE") },
		"may not change the schema":  func(r *run) { delete(r.env, "ORDERFLOW_NO_MIGRATE") },
		"is killed after 40s":        func(r *run) { r.grace = 40 * time.Second },
		"5s before the signal":       func(r *run) { r.grace, r.delay = 45*time.Second, 5*time.Second },
		"runs as \"sa\"":             func(r *run) { r.env["ORDERFLOW_DSN"] = "sqlserver://sa:x@h?database=orderflow&encrypt=true" },
		"anybody on the way":         func(r *run) { r.env["ORDERFLOW_DSN"] = "sqlserver://orderflow_runtime:x@h?database=orderflow" },
		"does not name the database": func(r *run) { r.env["ORDERFLOW_DSN"] = "sqlserver://orderflow_runtime:x@h?encrypt=true" },
		"is no sqlserver:// URL":     func(r *run) { r.env["ORDERFLOW_DSN"] = "orderflow.db" },
	} {
		r := good()
		spoil(&r)
		found := strings.Join(r.problems(p, spare), "\n")
		if !strings.Contains(found, name) {
			t.Errorf("%q is not among the problems of %+v: %q", name, r, found)
		}
	}
}

package deploy_test

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"orderflow/internal/process"
)

// start is one way in which a file of this folder starts the program.
type start struct {
	where string
	args  []string          // the command and its flags
	env   map[string]string // what the program finds in its environment
	ports []string          // of the container or machine, which others are sent to
	grace time.Duration     // from the first signal to the kill
	delay time.Duration     // of grace, what goes by before the signal
}

// TestStarts_accepted runs the program as each file does, up to the point where it would need the
// database: there is such a command, it has these flags and reads these variables, and their values are
// valid.
func TestStarts_accepted(t *testing.T) {
	program := build(t)
	for _, s := range starts(t) {
		t.Run(s.where, func(t *testing.T) {
			const missing = "/missing/tokens.txt"
			until := "connect: connection refused"
			if s.args[0] == "serve" {
				until = "open " + missing // the tokens are read before the node listens
			}
			cmd := exec.CommandContext(t.Context(), program, s.args...)
			cmd.Dir = t.TempDir()
			for name, value := range s.env {
				switch name {
				case "ORDERFLOW_DSN":
					value = regexp.MustCompile(`@[^?/]+`).ReplaceAllString(value, "@127.0.0.1:1")
				case "ORDERFLOW_AUTH_FILE":
					value = missing
				}
				cmd.Env = append(cmd.Env, name+"="+value)
			}
			said, _ := cmd.CombinedOutput()
			if !strings.Contains(string(said), until) || strings.Contains(string(said), "no command reads it") {
				t.Errorf("%q with %q says\n%s", s.args, s.env, said)
			}
		})
	}
}

// TestStarts_login: nodes work as the run-time login, which may not migrate, and migrations as theirs,
// encrypted and on the database that the scripts make.
func TestStarts_login(t *testing.T) {
	for _, s := range starts(t) {
		dsn, err := url.Parse(s.env["ORDERFLOW_DSN"])
		if err != nil {
			t.Fatalf("%s: %v", s.where, err)
		}
		want := map[string]string{"serve": "orderflow_runtime", "migrate": "orderflow_migration"}[s.args[0]]
		if q := dsn.Query(); dsn.Scheme != "sqlserver" || dsn.User.Username() != want || q.Get("database") != "orderflow" || q.Get("encrypt") != "true" {
			t.Errorf("%s: the DSN is %s, want that of %s, encrypted, on the database orderflow", s.where, dsn.Redacted(), want)
		}
		if s.args[0] == "serve" && s.env["ORDERFLOW_NO_MIGRATE"] != "true" {
			t.Errorf("%s: the node would migrate, and its login may not", s.where)
		}
	}
}

// TestStarts_drain: no node is killed while it still may drain.
func TestStarts_drain(t *testing.T) {
	source := read(t, "cmd/orderflow/node/doors.go")
	found := regexp.MustCompile(`shutdownTimeout = (\d+) \* time\.Second`).FindStringSubmatch(source)
	if found == nil {
		t.Fatal("how long requests may take after draining is not in cmd/orderflow/node/doors.go")
	}
	requests, _ := strconv.Atoi(found[1]) // digits
	for _, s := range starts(t) {
		if s.args[0] != "serve" {
			continue
		}
		drain, err := time.ParseDuration(s.env["ORDERFLOW_DRAIN_TIMEOUT"])
		if need := s.delay + drain + time.Duration(requests)*time.Second; err != nil || s.grace <= need {
			t.Errorf("%s: it is killed after %s, and may need %s (%v)", s.where, s.grace, need, err)
		}
	}
}

// TestStarts_ports: where others are sent, the program listens.
func TestStarts_ports(t *testing.T) {
	for _, s := range starts(t) {
		for _, port := range s.ports {
			if !strings.HasSuffix(s.env["ORDERFLOW_LISTEN"], ":"+port) && !strings.HasSuffix(s.env["ORDERFLOW_ADMIN"], ":"+port) {
				t.Errorf("%s: port %s leads to nothing: the node listens on %q and %q", s.where, port, s.env["ORDERFLOW_LISTEN"], s.env["ORDERFLOW_ADMIN"])
			}
		}
	}
}

// starts are the starts of the program in compose.yaml, Kubernetes and systemd.
func starts(t *testing.T) []start {
	t.Helper()
	all := slices.Concat(composeStarts(t), kubernetesStarts(t), systemdStarts(t))
	nodes := 0
	for _, s := range all {
		if s.args[0] == "serve" {
			nodes++
		}
	}
	if nodes != 7 || len(all) != 10 { // three services of compose.yaml, two deployments, two units, and as many migrations as files
		t.Fatalf("%d starts were found, %d of them of nodes", len(all), nodes)
	}
	return all
}

const systemd = "deploy/systemd/"

// systemdStarts are those of the units, and of the nodes that there are examples of.
func systemdStarts(t *testing.T) []start {
	t.Helper()
	node := func(instance string) start {
		s := unit(t, "orderflow@.service", instance)
		_, port, _ := strings.Cut(s.env["ORDERFLOW_ADMIN"], ":")
		s.ports = []string{port}
		return s
	}
	api, worker := node("api"), node("worker1")
	if api.ports[0] == worker.ports[0] {
		t.Errorf("two nodes of one machine have the port %s", api.ports[0])
	}
	return []start{api, worker, unit(t, "orderflow-migrate.service", "")}
}

// unit reads how a unit starts an instance of the program.
func unit(t *testing.T, name, instance string) start {
	t.Helper()
	s := start{where: systemd + name + " " + instance, env: map[string]string{}}
	for line := range strings.Lines(read(t, systemd+name)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch key {
		case "ExecStart":
			s.args = strings.Fields(value)[1:]
		case "Environment":
			name, value, _ := strings.Cut(value, "=")
			s.env[name] = value
		case "EnvironmentFile":
			file := strings.ReplaceAll(filepath.Base(value), "%i", instance)
			for name, value := range readEnv(t, systemd+file+".example") {
				s.env[name] = value
			}
		case "TimeoutStopSec":
			s.grace, _ = time.ParseDuration(value)
		}
	}
	return s
}

// readEnv reads lines NAME=VALUE, with or without single quotes around the value.
func readEnv(t *testing.T, path string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for line := range strings.Lines(read(t, path)) {
		line = strings.TrimSpace(line)
		if name, value, found := strings.Cut(line, "="); found && !strings.HasPrefix(line, "#") {
			all[name] = strings.Trim(value, "'")
		}
	}
	return all
}

// root is the repository.
const root = ".."

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// build builds the program, with the flags of the tests' own builds, so that the build cache serves both.
func build(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "orderflow")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-race", "-o", path, "./cmd/orderflow")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the program: %v\n%s", err, out)
	}
	return path
}

// run runs a command of the program that has to succeed.
func run(t *testing.T, program, dsn string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = process.Environment("ORDERFLOW_DSN=" + dsn)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%q: %v\n%s", args, err, out)
	}
}

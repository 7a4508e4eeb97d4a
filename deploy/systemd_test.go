package deploy_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const systemd = "deploy/systemd"

// unit is a unit file: the values of each setting in their order.
type unit map[string][]string

func readUnit(t *testing.T, name string) unit {
	t.Helper()
	u := unit{}
	for line := range strings.Lines(read(t, systemd+"/"+name)) {
		if key, value, found := strings.Cut(strings.TrimSpace(line), "="); found && !strings.HasPrefix(key, "#") {
			u[key] = append(u[key], value)
		}
	}
	return u
}

func (u unit) one(key string) string {
	if values := u[key]; len(values) > 0 {
		return values[len(values)-1]
	}
	return ""
}

// environment is what an instance gets: the unit's own variables, then its files.
func (u unit) environment(t *testing.T, instance string) map[string]string {
	t.Helper()
	env := map[string]string{}
	for _, e := range u["Environment"] {
		name, value, _ := strings.Cut(e, "=")
		env[name] = value
	}
	for _, file := range u["EnvironmentFile"] {
		name := strings.ReplaceAll(filepath.Base(file), "%i", instance)
		for k, v := range readEnv(t, systemd+"/"+name+".example") {
			env[k] = v
		}
	}
	return env
}

// instances are the nodes that there are examples of.
var instances = []string{"api", "worker1"}

func systemdRuns(t *testing.T) (all []run) {
	t.Helper()
	node, migrate := readUnit(t, "orderflow@.service"), readUnit(t, "orderflow-migrate.service")
	grace, err := time.ParseDuration(node.one("TimeoutStopSec"))
	if err != nil {
		t.Fatalf("TimeoutStopSec: %v", err)
	}
	for _, instance := range instances {
		all = append(all, run{
			where: systemd + ": orderflow@" + instance, args: strings.Fields(node.one("ExecStart"))[1:],
			env: node.environment(t, instance), grace: grace,
		})
	}
	return append(all, run{
		where: systemd + ": orderflow-migrate", args: strings.Fields(migrate.one("ExecStart"))[1:], env: migrate.environment(t, ""),
	})
}

func TestSystemd_Stop(t *testing.T) {
	u := readUnit(t, "orderflow@.service")
	// With control-group, the default, children get the signal too; with mixed the program
	// gets it once, and a second one would quit at once.
	for key, want := range map[string]string{"KillSignal": "SIGTERM", "KillMode": "mixed", "Restart": "on-failure", "Type": "exec"} {
		if got := u.one(key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
}

// TestSystemd_Secrets: tokens come as a credential, and the files that hold a DSN say
// that they are root's alone.
func TestSystemd_Secrets(t *testing.T) {
	u := readUnit(t, "orderflow@.service")
	credential, _, _ := strings.Cut(u.one("LoadCredential"), ":")
	if auth := u.environment(t, instances[0])["ORDERFLOW_AUTH_FILE"]; credential == "" || auth != "%d/"+credential {
		t.Errorf("ORDERFLOW_AUTH_FILE is %q, and the credential %q", auth, credential)
	}
	examples, err := filepath.Glob(filepath.Join(root, systemd, "*.env.example"))
	if err != nil || len(examples) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, example := range examples {
		text := read(t, systemd+"/"+filepath.Base(example))
		if strings.Contains(text, "ORDERFLOW_DSN=") && !strings.Contains(text, "0600") {
			t.Errorf("%s holds a password and does not say who may read it", example)
		}
	}
}

// TestSystemd_Ports: the nodes of one machine do not share an address.
func TestSystemd_Ports(t *testing.T) {
	u, taken := readUnit(t, "orderflow@.service"), map[string]string{}
	for _, instance := range instances {
		admin := u.environment(t, instance)["ORDERFLOW_ADMIN"]
		if other := taken[admin]; other != "" || admin == "" {
			t.Errorf("%s and %s both have the admin address %q", instance, other, admin)
		}
		taken[admin] = instance
	}
}

func TestSystemd_Hardening(t *testing.T) {
	u := readUnit(t, "orderflow@.service")
	for key, want := range map[string]string{
		"DynamicUser": "yes", "NoNewPrivileges": "yes", "ProtectSystem": "strict", "CapabilityBoundingSet": "", "PrivateTmp": "yes",
	} {
		if values := u[key]; !slices.Contains(values, want) {
			t.Errorf("%s is %q, want %q", key, values, want)
		}
	}
}

// TestSystemd_verify has systemd itself read the units, where it is installed.
func TestSystemd_verify(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	dir := t.TempDir()
	args := []string{"verify", "--man=no"}
	for _, name := range []string{"orderflow@.service", "orderflow-migrate.service"} {
		// It wants programs to be there.
		text := strings.ReplaceAll(read(t, systemd+"/"+name), "/usr/local/bin/orderflow", "/bin/true")
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, analyze, args...).CombinedOutput()
	if err != nil || strings.Contains(string(out), dir) {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

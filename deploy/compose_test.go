package deploy_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// service is what the tests look at of a service of compose.yaml.
type service struct {
	Image           string            `yaml:"image"`
	Command         []string          `yaml:"command"`
	Environment     map[string]string `yaml:"environment"`
	Ports           []string          `yaml:"ports"`
	Secrets         []string          `yaml:"secrets"`
	User            string            `yaml:"user"`
	ReadOnly        bool              `yaml:"read_only"`
	CapDrop         []string          `yaml:"cap_drop"`
	StopGracePeriod time.Duration     `yaml:"stop_grace_period"`
	DependsOn       map[string]struct {
		Condition string `yaml:"condition"`
	} `yaml:"depends_on"`
	Deploy struct {
		Replicas  int `yaml:"replicas"`
		Resources struct {
			Limits map[string]string `yaml:"limits"`
		} `yaml:"resources"`
	} `yaml:"deploy"`
}

type composeFile struct {
	Services map[string]service `yaml:"services"`
	Secrets  map[string]struct {
		File string `yaml:"file"`
	} `yaml:"secrets"`
}

// program says that the service runs the program.
func (s service) program() bool { return strings.HasPrefix(s.Image, "orderflow:") }

func readCompose(t *testing.T) composeFile {
	t.Helper()
	var c composeFile
	if err := yaml.Unmarshal([]byte(interpolate(read(t, "compose.yaml"))), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

var variable = regexp.MustCompile(`\$\{(\w+)(?::([-?])([^}]*))?\}`)

// interpolate fills in variables as docker does: the default, or "given" where one has
// to be given.
func interpolate(text string) string {
	text = variable.ReplaceAllStringFunc(text, func(v string) string {
		if parts := variable.FindStringSubmatch(v); parts[2] == "-" {
			return parts[3]
		}
		return "given"
	})
	return strings.ReplaceAll(text, "$$", "$")
}

func composeRuns(t *testing.T) (all []run) {
	t.Helper()
	services := readCompose(t).Services
	for _, name := range slices.Sorted(maps.Keys(services)) {
		s := services[name]
		if !s.program() {
			continue
		}
		args := s.Command
		if args == nil {
			args = defaultCommand(t)
		}
		all = append(all, run{where: "compose.yaml: " + name, args: args, env: s.Environment, grace: s.StopGracePeriod})
	}
	return all
}

// TestCompose_Cluster wants what the file promises: two API nodes and three workers, a
// projector somewhere, and each thing after what it needs.
func TestCompose_Cluster(t *testing.T) {
	services := readCompose(t).Services
	count := map[string]int{}
	for name, s := range services {
		for _, role := range strings.Split(s.Environment["ORDERFLOW_ROLES"], ",") {
			count[role] += max(s.Deploy.Replicas, 1)
		}
		for other := range s.DependsOn {
			if _, there := services[other]; !there {
				t.Errorf("%s depends on %s, which there is not", name, other)
			}
		}
	}
	if count["api"] != 2 || count["worker"] != 3 || count["projector"] < 1 {
		t.Errorf("the nodes by role are %v, want 2 with api, 3 with worker, and a projector", count)
	}
	const done = "service_completed_successfully"
	for _, c := range []struct{ service, needs, condition string }{
		{"database", "sqlserver", "service_healthy"}, {"migrate", "database", done}, {"grants", "migrate", done},
		{"api-1", "grants", done}, {"api-2", "grants", done}, {"worker", "grants", done},
	} {
		if got := services[c.service].DependsOn[c.needs].Condition; got != c.condition {
			t.Errorf("%s waits for %s to be %q, want %q", c.service, c.needs, got, c.condition)
		}
	}
}

// TestCompose_Confined: nothing can be reached from other machines, what runs the
// program has no rights and no bounds it could break, and secrets are files.
func TestCompose_Confined(t *testing.T) {
	c := readCompose(t)
	published := map[string]string{}
	for name, s := range c.Services {
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("%s publishes %s beyond this machine", name, p)
			}
			on := p[:strings.LastIndex(p, ":")]
			if other, taken := published[on]; taken {
				t.Errorf("%s and %s publish the same address %s", name, other, on)
			}
			published[on] = name
		}
		if s.Deploy.Resources.Limits["memory"] == "" || s.Deploy.Resources.Limits["cpus"] == "" {
			t.Errorf("%s has no limits", name)
		}
		if s.User == "root" || s.User == "0" {
			t.Errorf("%s runs as root", name)
		}
		if name != "sqlserver" && (!s.ReadOnly || !slices.Contains(s.CapDrop, "ALL")) {
			t.Errorf("%s can write to its image, or has capabilities", name)
		}
		if auth := s.Environment["ORDERFLOW_AUTH_FILE"]; auth != "" {
			secret, found := strings.CutPrefix(auth, "/run/secrets/")
			if !found || !slices.Contains(s.Secrets, secret) || c.Secrets[secret].File == "" {
				t.Errorf("%s reads %s, which is no secret it is given", name, auth)
			}
		}
	}
}

// TestCompose_Ports: what is published leads to where the program listens.
func TestCompose_Ports(t *testing.T) {
	for name, s := range readCompose(t).Services {
		if !s.program() || len(s.Ports) == 0 {
			continue
		}
		for _, p := range s.Ports {
			port := p[strings.LastIndex(p, ":"):]
			if port != portOf(s.Environment["ORDERFLOW_LISTEN"]) && port != portOf(s.Environment["ORDERFLOW_ADMIN"]) {
				t.Errorf("%s publishes %s, where nothing listens", name, p)
			}
		}
	}
}

// portOf is the port of an address, with its colon.
func portOf(address string) string {
	if at := strings.LastIndex(address, ":"); at >= 0 {
		return address[at:]
	}
	return ""
}

// TestCompose_Variables: env.example names every variable that must or can be given,
// and holds no password.
func TestCompose_Variables(t *testing.T) {
	example := readEnv(t, "deploy/compose/env.example")
	for _, v := range variable.FindAllStringSubmatch(read(t, "compose.yaml"), -1) {
		if _, there := example[v[1]]; !there {
			t.Errorf("deploy/compose/env.example does not name %s", v[1])
		}
		if v[2] == "" {
			t.Errorf("%s has neither a default nor a message for when it is missing", v[0])
		}
	}
	for name, value := range example {
		if strings.Contains(name, "PASSWORD") && value != "" {
			t.Errorf("deploy/compose/env.example has a value for %s", name)
		}
	}
	ignored := read(t, "deploy/compose/.gitignore")
	for _, file := range []string{".env", "tokens.txt"} {
		if !slices.Contains(strings.Fields(ignored), file) {
			t.Errorf("git does not ignore deploy/compose/%s", file)
		}
	}
}

// readEnv reads lines NAME=VALUE, with or without single quotes around the value.
func readEnv(t *testing.T, path string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for line := range strings.Lines(read(t, path)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, found := strings.Cut(line, "=")
		if !found {
			t.Errorf("%s: %q is not NAME=VALUE", path, line)
		}
		all[name] = strings.Trim(value, "'")
	}
	return all
}

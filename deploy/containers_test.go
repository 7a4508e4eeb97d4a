package deploy_test

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

var variable = regexp.MustCompile(`\$\{(\w+)(?::([-?])([^}]*))?\}`)

// composeStarts are those of compose.yaml, with its variables filled in as docker does: with the default,
// or something where a value has to be given.
func composeStarts(t *testing.T) (all []start) {
	t.Helper()
	text := variable.ReplaceAllStringFunc(read(t, "compose.yaml"), func(v string) string {
		if parts := variable.FindStringSubmatch(v); parts[2] == "-" {
			return parts[3]
		}
		return "given"
	})
	var file struct {
		Services map[string]struct {
			Image       string            `yaml:"image"`
			Command     []string          `yaml:"command"`
			Environment map[string]string `yaml:"environment"`
			Ports       []string          `yaml:"ports"`
			Grace       time.Duration     `yaml:"stop_grace_period"`
		} `yaml:"services"`
	}
	if err := yaml.Unmarshal([]byte(text), &file); err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(file.Services)) {
		service := file.Services[name]
		s := start{where: "compose.yaml " + name, args: service.Command, env: service.Environment, grace: service.Grace}
		for _, port := range service.Ports {
			if !strings.HasPrefix(port, "127.0.0.1:") {
				t.Errorf("%s publishes %s beyond this machine", name, port)
			}
			s.ports = append(s.ports, port[strings.LastIndex(port, ":")+1:])
		}
		if !strings.HasPrefix(service.Image, "orderflow:") {
			continue
		}
		if s.args == nil {
			s.args = imageRuns(t, "^CMD")
		}
		all = append(all, s)
	}
	return all
}

// TestCompose_variables: the example names every variable that compose.yaml reads.
func TestCompose_variables(t *testing.T) {
	example := readEnv(t, "deploy/compose/env.example")
	for _, v := range variable.FindAllStringSubmatch(read(t, "compose.yaml"), -1) {
		if _, there := example[v[1]]; !there {
			t.Errorf("deploy/compose/env.example does not name %s", v[1])
		}
	}
}

const kubernetes = "deploy/kubernetes/"

// object is what the tests read of a Kubernetes object.
type object struct {
	Kind       string
	Metadata   struct{ Name string }
	StringData map[string]string `yaml:"stringData"`
	Spec       struct {
		Ports []struct {
			TargetPort string `yaml:"targetPort"`
		}
		Template struct {
			Spec struct {
				Grace          int         `yaml:"terminationGracePeriodSeconds"`
				InitContainers []container `yaml:"initContainers"`
				Containers     []container
			}
		}
	}
}

type container struct {
	Image string
	Args  []string
	Env   []struct {
		Name, Value string
		ValueFrom   struct {
			SecretKeyRef struct{ Name, Key string } `yaml:"secretKeyRef"`
		} `yaml:"valueFrom"`
	}
	Ports []struct {
		Name          string
		ContainerPort string `yaml:"containerPort"`
	}
	Startup   probe `yaml:"startupProbe"`
	Liveness  probe `yaml:"livenessProbe"`
	Readiness probe `yaml:"readinessProbe"`
	Lifecycle struct {
		PreStop struct{ Sleep struct{ Seconds int } } `yaml:"preStop"`
	}
}

type probe struct {
	HTTPGet struct{ Port string } `yaml:"httpGet"`
}

func objects(t *testing.T, file string) (all []object) {
	t.Helper()
	decoder := yaml.NewDecoder(strings.NewReader(read(t, file)))
	for {
		var o object
		switch err := decoder.Decode(&o); {
		case errors.Is(err, io.EOF):
			return all
		case err != nil:
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, o)
	}
}

// manifests are the objects that the kustomization applies.
func manifests(t *testing.T) (all []object) {
	t.Helper()
	var k struct{ Resources []string }
	if err := yaml.Unmarshal([]byte(read(t, kubernetes+"kustomization.yaml")), &k); err != nil {
		t.Fatal(err)
	}
	for _, r := range k.Resources {
		if !strings.HasSuffix(r, ".yaml") {
			r = filepath.Join(r, "kustomization.yaml")
		}
		all = append(all, objects(t, kubernetes+r)...)
	}
	return all
}

// kubernetesStarts are those of the manifests, with the secrets of the example.
func kubernetesStarts(t *testing.T) (all []start) {
	t.Helper()
	secrets := map[string]string{}
	for _, o := range objects(t, kubernetes+"secrets.example.yaml") {
		for key, value := range o.StringData {
			secrets[o.Metadata.Name+"/"+key] = value
		}
	}
	for _, o := range manifests(t) {
		pod := o.Spec.Template.Spec
		for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
			s := start{
				where: kubernetes + " " + o.Metadata.Name, args: c.Args, env: map[string]string{}, grace: time.Duration(pod.Grace) * time.Second,
				delay: time.Duration(c.Lifecycle.PreStop.Sleep.Seconds) * time.Second,
			}
			for _, e := range c.Env {
				s.env[e.Name] = e.Value
				if ref := e.ValueFrom.SecretKeyRef; ref.Name != "" {
					value, there := secrets[ref.Name+"/"+ref.Key]
					if !there {
						t.Errorf("%s: secrets.example.yaml has no %s/%s", s.where, ref.Name, ref.Key)
					}
					s.env[e.Name] = value
				}
			}
			for _, p := range c.Ports {
				s.ports = append(s.ports, p.ContainerPort)
			}
			if c.Image == "orderflow" {
				all = append(all, s)
			}
		}
	}
	return all
}

// TestKubernetes_ports: probes and services lead to ports that the containers name.
func TestKubernetes_ports(t *testing.T) {
	named := map[string]bool{}
	for _, o := range manifests(t) {
		for _, c := range o.Spec.Template.Spec.Containers {
			for _, p := range c.Ports {
				named[o.Metadata.Name+"/"+p.Name] = true
			}
			for _, p := range []probe{c.Startup, c.Liveness, c.Readiness} {
				if o.Kind == "Deployment" && !named[o.Metadata.Name+"/"+p.HTTPGet.Port] {
					t.Errorf("%s is probed on the port %q, which it does not have", o.Metadata.Name, p.HTTPGet.Port)
				}
			}
		}
		for _, p := range o.Spec.Ports { // of a service, which stands below the deployment of its name
			if !named[o.Metadata.Name+"/"+p.TargetPort] {
				t.Errorf("the service %s leads to the port %q, which nothing has", o.Metadata.Name, p.TargetPort)
			}
		}
	}
}

// imageRuns is what the image runs at an instruction of its Dockerfile, which there is no shell for.
func imageRuns(t *testing.T, instruction string) (args []string) {
	t.Helper()
	found := regexp.MustCompile(`(?m)` + instruction + ` (\[.*\])$`).FindStringSubmatch(read(t, "Dockerfile"))
	if found == nil {
		t.Fatalf("the Dockerfile has no %s in exec form", instruction)
	}
	if err := json.Unmarshal([]byte(found[1]), &args); err != nil {
		t.Fatal(err)
	}
	return args
}

// TestImage: the program has the commands that the image runs, and listens on the ports that it exposes.
func TestImage(t *testing.T) {
	program := build(t)
	health := imageRuns(t, `^ +CMD`)
	if entry := imageRuns(t, "^ENTRYPOINT"); health[0] != entry[0] {
		t.Fatalf("the health check runs %v, and the program is %v", health, entry)
	}
	run(t, program, "", append(health[1:], "--help")...)
	run(t, program, "", append(imageRuns(t, "^CMD"), "--help")...)
	config := read(t, "cmd/orderflow/node/config.go")
	for _, port := range regexp.MustCompile(`(?m)^EXPOSE (\d+) (\d+)$`).FindStringSubmatch(read(t, "Dockerfile"))[1:] {
		if !strings.Contains(config, `default:"127.0.0.1:`+port+`"`) {
			t.Errorf("the image exposes port %s, where nothing listens by default", port)
		}
	}
}

// TestImage_context: every folder with code that the program is made of reaches the build.
func TestImage_context(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", "./cmd/orderflow")
	cmd.Dir = root
	deps, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(read(t, ".dockerignore"))
	for _, m := range regexp.MustCompile(`(?m)^orderflow/(\w+)`).FindAllStringSubmatch(string(deps), -1) {
		if !slices.Contains(lines, "!"+m[1]) {
			t.Errorf("%s does not reach the build", m[1])
		}
	}
}

package deploy_test

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// object is what the tests look at of a Kubernetes object.
type object struct {
	Kind     string `yaml:"kind"`
	Metadata struct {
		Name string `yaml:"name"`
	} `yaml:"metadata"`
	StringData map[string]string `yaml:"stringData"`
	Spec       struct {
		Replicas       int      `yaml:"replicas"`
		Selector       any      `yaml:"selector"`
		MinAvailable   int      `yaml:"minAvailable"`
		MaxUnavailable int      `yaml:"maxUnavailable"`
		Ports          []port   `yaml:"ports"`
		Template       template `yaml:"template"`
	} `yaml:"spec"`
}

type port struct {
	Name          string `yaml:"name"`
	ContainerPort int    `yaml:"containerPort"`
	TargetPort    string `yaml:"targetPort"`
}

type template struct {
	Metadata struct {
		Labels map[string]string `yaml:"labels"`
	} `yaml:"metadata"`
	Spec struct {
		Grace           int             `yaml:"terminationGracePeriodSeconds"`
		SecurityContext securityContext `yaml:"securityContext"`
		InitContainers  []container     `yaml:"initContainers"`
		Containers      []container     `yaml:"containers"`
		Volumes         []struct {
			Name   string `yaml:"name"`
			Secret struct {
				SecretName string `yaml:"secretName"`
			} `yaml:"secret"`
			ConfigMap struct {
				Name string `yaml:"name"`
			} `yaml:"configMap"`
		} `yaml:"volumes"`
		Spread []any `yaml:"topologySpreadConstraints"`
	} `yaml:"spec"`
}

type securityContext struct {
	RunAsNonRoot             bool  `yaml:"runAsNonRoot"`
	RunAsUser                int   `yaml:"runAsUser"`
	ReadOnlyRootFilesystem   bool  `yaml:"readOnlyRootFilesystem"`
	AllowPrivilegeEscalation *bool `yaml:"allowPrivilegeEscalation"`
	Capabilities             struct {
		Drop []string `yaml:"drop"`
	} `yaml:"capabilities"`
}

type container struct {
	Name    string   `yaml:"name"`
	Image   string   `yaml:"image"`
	Command []string `yaml:"command"`
	Args    []string `yaml:"args"`
	Env     []struct {
		Name      string `yaml:"name"`
		Value     string `yaml:"value"`
		ValueFrom struct {
			SecretKeyRef struct {
				Name string `yaml:"name"`
				Key  string `yaml:"key"`
			} `yaml:"secretKeyRef"`
		} `yaml:"valueFrom"`
	} `yaml:"env"`
	Ports           []port          `yaml:"ports"`
	Startup         probe           `yaml:"startupProbe"`
	Liveness        probe           `yaml:"livenessProbe"`
	Readiness       probe           `yaml:"readinessProbe"`
	SecurityContext securityContext `yaml:"securityContext"`
	Lifecycle       struct {
		PreStop struct {
			Sleep struct {
				Seconds int `yaml:"seconds"`
			} `yaml:"sleep"`
		} `yaml:"preStop"`
	} `yaml:"lifecycle"`
	Resources struct {
		Requests map[string]string `yaml:"requests"`
		Limits   map[string]string `yaml:"limits"`
	} `yaml:"resources"`
	VolumeMounts []struct {
		Name      string `yaml:"name"`
		MountPath string `yaml:"mountPath"`
	} `yaml:"volumeMounts"`
}

type probe struct {
	HTTPGet struct {
		Path string `yaml:"path"`
		Port string `yaml:"port"`
	} `yaml:"httpGet"`
}

func readObjects(t *testing.T, file string) (all []object) {
	t.Helper()
	decoder := yaml.NewDecoder(strings.NewReader(read(t, file)))
	for {
		var o object
		if err := decoder.Decode(&o); err != nil {
			if len(all) == 0 || err.Error() != "EOF" {
				t.Fatalf("%s: %v", file, err)
			}
			return all
		}
		all = append(all, o)
	}
}

const kubernetes = "deploy/kubernetes"

// manifests are the objects that the kustomization applies.
func manifests(t *testing.T) (all []object) {
	t.Helper()
	var k struct {
		Resources []string `yaml:"resources"`
	}
	if err := yaml.Unmarshal([]byte(read(t, kubernetes+"/kustomization.yaml")), &k); err != nil {
		t.Fatal(err)
	}
	for _, r := range k.Resources {
		if strings.HasSuffix(r, ".yaml") {
			all = append(all, readObjects(t, kubernetes+"/"+r)...)
		} else {
			read(t, path.Join(kubernetes, r, "kustomization.yaml")) // fails if it is not there
		}
	}
	return all
}

// secrets are the values of secrets.example.yaml by secret and key.
func secrets(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, o := range readObjects(t, kubernetes+"/secrets.example.yaml") {
		for key, value := range o.StringData {
			all[o.Metadata.Name+"/"+key] = value
			if !strings.Contains(value, "REPLACE") && key != "server" {
				t.Errorf("the example of %s/%s looks like a real secret", o.Metadata.Name, key)
			}
		}
	}
	return all
}

// environment resolves what the container gets from secrets.
func (c container) environment(t *testing.T, where string, known map[string]string) map[string]string {
	t.Helper()
	env := map[string]string{}
	for _, e := range c.Env {
		env[e.Name] = e.Value
		if ref := e.ValueFrom.SecretKeyRef; ref.Name != "" {
			value, there := known[ref.Name+"/"+ref.Key]
			if !there {
				t.Errorf("%s: secrets.example.yaml has no %s/%s", where, ref.Name, ref.Key)
			}
			env[e.Name] = value
		}
	}
	return env
}

func kubernetesRuns(t *testing.T) (all []run) {
	t.Helper()
	known := secrets(t)
	for _, o := range manifests(t) {
		spec := o.Spec.Template.Spec
		for _, c := range slices.Concat(spec.InitContainers, spec.Containers) {
			where := fmt.Sprintf("%s: %s %s, container %s", kubernetes, o.Kind, o.Metadata.Name, c.Name)
			env := c.environment(t, where, known)
			if c.Image == "orderflow" {
				all = append(all, run{
					where: where, args: c.Args, env: env,
					grace: time.Duration(spec.Grace) * time.Second,
					delay: time.Duration(c.Lifecycle.PreStop.Sleep.Seconds) * time.Second,
				})
			}
		}
	}
	return all
}

func TestKubernetes_Confined(t *testing.T) {
	for _, o := range manifests(t) {
		spec := o.Spec.Template.Spec
		for _, c := range slices.Concat(spec.InitContainers, spec.Containers) {
			s := c.SecurityContext
			if !spec.SecurityContext.RunAsNonRoot || max(s.RunAsUser, spec.SecurityContext.RunAsUser) == 0 {
				t.Errorf("%s/%s may be root", o.Metadata.Name, c.Name)
			}
			if !s.ReadOnlyRootFilesystem || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || !slices.Contains(s.Capabilities.Drop, "ALL") {
				t.Errorf("%s/%s can write to its image, or gain privileges", o.Metadata.Name, c.Name)
			}
			if c.Resources.Requests["memory"] == "" || c.Resources.Limits["memory"] == "" {
				t.Errorf("%s/%s has no bounds", o.Metadata.Name, c.Name)
			}
		}
	}
}

// TestKubernetes_Nodes: replicas, spread, probes on the port where the admin interface
// listens, and a service on the port of the API.
func TestKubernetes_Nodes(t *testing.T) {
	replicas := map[string]int{"orderflow-api": 2, "orderflow-worker": 3}
	ports := map[string]bool{}
	for _, o := range manifests(t) {
		if o.Kind != "Deployment" {
			continue
		}
		if o.Spec.Replicas != replicas[o.Metadata.Name] || len(o.Spec.Template.Spec.Spread) == 0 {
			t.Errorf("%s has %d replicas, want %d, spread over machines", o.Metadata.Name, o.Spec.Replicas, replicas[o.Metadata.Name])
		}
		delete(replicas, o.Metadata.Name)
		c := o.Spec.Template.Spec.Containers[0]
		for name, p := range listens(t, o.Metadata.Name, c) {
			ports[o.Metadata.Name+"/"+name] = p
		}
		for path, p := range map[string]probe{"/livez": c.Liveness, "/readyz": c.Readiness} {
			if p.HTTPGet.Path != path || p.HTTPGet.Port != "admin" {
				t.Errorf("%s is asked %+v, want %s on the port admin", o.Metadata.Name, p.HTTPGet, path)
			}
		}
		mounts(t, o)
	}
	if len(replicas) > 0 {
		t.Errorf("there are no %v", replicas)
	}
	for _, o := range manifests(t) {
		if o.Kind == "Service" && (len(o.Spec.Ports) != 1 || !ports[o.Metadata.Name+"/"+o.Spec.Ports[0].TargetPort]) {
			t.Errorf("the service %s leads to %+v, where nothing listens", o.Metadata.Name, o.Spec.Ports)
		}
	}
}

// listens gives the named ports of a container that the program listens on.
func listens(t *testing.T, name string, c container) map[string]bool {
	t.Helper()
	env := c.environment(t, name, secrets(t))
	all := map[string]bool{}
	for _, p := range c.Ports {
		variable := map[string]string{"http": "ORDERFLOW_LISTEN", "admin": "ORDERFLOW_ADMIN"}[p.Name]
		if all[p.Name] = portOf(env[variable]) == fmt.Sprintf(":%d", p.ContainerPort); !all[p.Name] {
			t.Errorf("%s: port %s is %d and %s is %q", name, p.Name, p.ContainerPort, variable, env[variable])
		}
	}
	return all
}

// mounts: every volume is there, and the token file lies in one.
func mounts(t *testing.T, o object) {
	t.Helper()
	spec := o.Spec.Template.Spec
	c, known := spec.Containers[0], secrets(t)
	auth := c.environment(t, o.Metadata.Name, known)["ORDERFLOW_AUTH_FILE"]
	for _, v := range spec.Volumes {
		for _, m := range c.VolumeMounts {
			if _, there := known[v.Secret.SecretName+"/"+path.Base(auth)]; m.Name == v.Name && m.MountPath == path.Dir(auth) && there {
				return
			}
		}
	}
	t.Errorf("%s reads %s, which no secret is mounted at", o.Metadata.Name, auth)
}

// TestKubernetes_Disruption: each deployment may lose a pod, and never all.
func TestKubernetes_Disruption(t *testing.T) {
	budgets := map[string]bool{}
	for _, o := range manifests(t) {
		if o.Kind == "PodDisruptionBudget" {
			budgets[o.Metadata.Name] = o.Spec.MinAvailable == 1 || o.Spec.MaxUnavailable == 1
		}
	}
	for _, name := range []string{"orderflow-api", "orderflow-worker"} {
		if !budgets[name] {
			t.Errorf("%s has no disruption budget, or another one", name)
		}
	}
}

// TestKubernetes_Grants: the Job finds the script in the ConfigMap that is made of it.
func TestKubernetes_Grants(t *testing.T) {
	var k struct {
		ConfigMapGenerator []struct {
			Name  string   `yaml:"name"`
			Files []string `yaml:"files"`
		} `yaml:"configMapGenerator"`
	}
	if err := yaml.Unmarshal([]byte(read(t, "deploy/sqlserver/kustomization.yaml")), &k); err != nil {
		t.Fatal(err)
	}
	for _, o := range manifests(t) {
		if o.Kind != "Job" {
			continue
		}
		volume, c := o.Spec.Template.Spec.Volumes[0], o.Spec.Template.Spec.Containers[0]
		if volume.ConfigMap.Name != k.ConfigMapGenerator[0].Name || c.VolumeMounts[0].Name != volume.Name {
			t.Errorf("the job mounts %+v, and the scripts are in %+v", volume, k.ConfigMapGenerator)
		}
		script := c.Args[len(c.Args)-1]
		if path.Dir(script) != c.VolumeMounts[0].MountPath || !slices.Contains(k.ConfigMapGenerator[0].Files, path.Base(script)) {
			t.Errorf("the job runs %s, which is not among %v", script, k.ConfigMapGenerator[0].Files)
		}
		return
	}
	t.Error("there is no job")
}

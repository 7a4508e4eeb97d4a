package deploy_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"orderflow/schema/schematest"
)

type workflow struct {
	Permissions map[string]string `yaml:"permissions"`
	Jobs        map[string]struct {
		Timeout  int               `yaml:"timeout-minutes"`
		Env      map[string]string `yaml:"env"`
		Strategy struct {
			Matrix map[string][]string `yaml:"matrix"`
		} `yaml:"strategy"`
		Services map[string]struct {
			Image string            `yaml:"image"`
			Env   map[string]string `yaml:"env"`
		} `yaml:"services"`
		Steps []struct {
			Run  string            `yaml:"run"`
			Uses string            `yaml:"uses"`
			Env  map[string]string `yaml:"env"`
		} `yaml:"steps"`
	} `yaml:"jobs"`
}

func readWorkflow(t *testing.T) (w workflow) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(read(t, ".github/workflows/ci.yml")), &w); err != nil {
		t.Fatal(err)
	}
	if len(w.Jobs) == 0 {
		t.Fatal("the workflow has no jobs")
	}
	return w
}

// TestWorkflow_Commands: make knows its targets, scripts are there, each job ends, and
// none may write to the repository.
func TestWorkflow_Commands(t *testing.T) {
	w, makefile := readWorkflow(t), read(t, "Makefile")
	if len(w.Permissions) != 1 || w.Permissions["contents"] != "read" {
		t.Errorf("the permissions are %v, want contents: read and no more", w.Permissions)
	}
	ran := ""
	for name, job := range w.Jobs {
		if job.Timeout == 0 {
			t.Errorf("the job %s may run for ever", name)
		}
		for _, step := range job.Steps {
			ran += step.Run + "\n"
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^make (\S+)`).FindAllStringSubmatch(ran, -1) {
		if !strings.Contains(makefile, "\n"+m[1]+":") {
			t.Errorf("the Makefile has no %s", m[1])
		}
	}
	for _, script := range regexp.MustCompile(`deploy/\S+\.sh`).FindAllString(ran, -1) {
		read(t, script)
	}
	for _, need := range []string{"make lint", "make test\n", "make test-all", "docker build", "kubectl kustomize"} {
		if !strings.Contains(ran, need) {
			t.Errorf("no job runs %s", need)
		}
	}
}

// TestWorkflow_SQLServer: all tests run on SQL Server with READ_COMMITTED_SNAPSHOT on
// and off, where the tests look for it.
func TestWorkflow_SQLServer(t *testing.T) {
	job := readWorkflow(t).Jobs["sqlserver"]
	if got := job.Strategy.Matrix["rcsi"]; !slices.Equal(got, []string{"ON", "OFF"}) {
		t.Errorf("READ_COMMITTED_SNAPSHOT is %v, want ON and OFF", got)
	}
	if image := job.Services["sqlserver"].Image; !strings.HasPrefix(image, "mcr.microsoft.com/mssql/server:2022-") {
		t.Errorf("the server is %q, want SQL Server 2022", image)
	}
	password := job.Services["sqlserver"].Env["MSSQL_SA_PASSWORD"]
	for _, step := range job.Steps {
		if step.Run == "make test-all" {
			if dsn := step.Env[schematest.Env]; !strings.Contains(dsn, "sa:"+password+"@") || !strings.Contains(dsn, "encrypt=disable") {
				t.Errorf("%s is %q", schematest.Env, dsn)
			}
			return
		}
	}
	t.Error("the job does not run make test-all")
}

// TestWorkflow_Cluster: what compose.yaml needs to be given is given.
func TestWorkflow_Cluster(t *testing.T) {
	job := readWorkflow(t).Jobs["cluster"]
	known := readEnv(t, "deploy/compose/env.example")
	for _, v := range variable.FindAllStringSubmatch(read(t, "compose.yaml"), -1) {
		if v[2] == "?" && job.Env[v[1]] == "" {
			t.Errorf("the job does not give %s", v[1])
		}
	}
	for name := range job.Env {
		if _, there := known[name]; !there {
			t.Errorf("the job gives %s, which nothing reads", name)
		}
	}
}

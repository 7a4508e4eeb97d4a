package deploy_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// instruction is one of the Dockerfile: its word and the rest, continued lines joined.
type instruction struct{ word, rest string }

func readDockerfile(t *testing.T) (all []instruction) {
	t.Helper()
	text := regexp.MustCompile(`(?m)^\s*#.*\n`).ReplaceAllString(read(t, "Dockerfile"), "")
	text = regexp.MustCompile(`\\\n\s*`).ReplaceAllString(text, "")
	for line := range strings.Lines(text) {
		if word, rest, found := strings.Cut(strings.TrimSpace(line), " "); found {
			all = append(all, instruction{strings.ToUpper(word), strings.TrimSpace(rest)})
		}
	}
	return all
}

// last is what the last instruction of a kind says; "" if there is none.
func last(all []instruction, word string) string {
	for _, i := range slices.Backward(all) {
		if i.word == word {
			return i.rest
		}
	}
	return ""
}

func words(t *testing.T, list string) (all []string) {
	t.Helper()
	if err := json.Unmarshal([]byte(list), &all); err != nil {
		t.Fatalf("%s is no list in exec form, and there is no shell: %v", list, err)
	}
	return all
}

// defaultCommand is what the image runs if it is not told what.
func defaultCommand(t *testing.T) []string {
	t.Helper()
	return words(t, last(readDockerfile(t), "CMD"))
}

func TestImage_Confined(t *testing.T) {
	all := readDockerfile(t)
	if user := last(all, "USER"); !regexp.MustCompile(`^[1-9]\d*(:[1-9]\d*)?$`).MatchString(user) {
		t.Errorf("USER is %q, want a number that is not 0, so that Kubernetes can see it is not root", user)
	}
	if from := last(all, "FROM"); !strings.HasPrefix(from, "gcr.io/distroless/static") && from != "scratch" {
		t.Errorf("the image is based on %s, want one without a shell", from)
	}
	if got := last(all, "STOPSIGNAL"); got != "SIGTERM" {
		t.Errorf("STOPSIGNAL is %q, want SIGTERM, which drains", got)
	}
	for _, i := range all {
		if (i.word == "ENV" || i.word == "ARG") && regexp.MustCompile(`(?i)password|secret|token|dsn`).MatchString(i.rest) {
			t.Errorf("%s %s: secrets do not belong into an image", i.word, i.rest)
		}
	}
}

// TestImage_Version: the variable that -ldflags sets is there.
func TestImage_Version(t *testing.T) {
	set := regexp.MustCompile(`-X main\.(\w+)=\$VERSION`).FindStringSubmatch(read(t, "Dockerfile"))
	if set == nil {
		t.Fatal("the Dockerfile does not set the version")
	}
	if !strings.Contains(read(t, "cmd/orderflow/version.go"), "var "+set[1]+" = ") {
		t.Errorf("cmd/orderflow/version.go has no variable %s", set[1])
	}
	if !strings.Contains(read(t, "Makefile"), "main."+set[1]+"=") {
		t.Errorf("the Makefile does not set main.%s", set[1])
	}
}

// TestImage_Ports: the image exposes the ports that the program has by default.
func TestImage_Ports(t *testing.T) {
	serve := readProgram(t)["serve"]
	exposed := strings.Fields(last(readDockerfile(t), "EXPOSE"))
	want := []string{portOf(serve.defaults["listen"])[1:], portOf(serve.defaults["admin"])[1:]}
	if !slices.Equal(exposed, want) {
		t.Errorf("the image exposes %v, the program listens on %v", exposed, want)
	}
}

// TestImage_Commands: the program knows the commands that the image runs.
func TestImage_Commands(t *testing.T) {
	all, p := readDockerfile(t), readProgram(t)
	entry := words(t, last(all, "ENTRYPOINT"))
	if c := defaultCommand(t); p[c[0]].env == nil {
		t.Errorf("there is no command %q", c[0])
	}
	_, check, found := strings.Cut(last(all, "HEALTHCHECK"), "CMD ")
	if !found {
		t.Fatal("there is no health check")
	}
	health := words(t, check)
	if health[0] != entry[0] || len(health) < 2 {
		t.Fatalf("the health check runs %v, and the program is %v", health, entry)
	}
	c, known := p[health[1]]
	if !known {
		t.Fatalf("the program has no command %q", health[1])
	}
	if c.env["ORDERFLOW_ADMIN"] != "admin" {
		t.Errorf("%s does not read ORDERFLOW_ADMIN, so it asks another address than the node has", health[1])
	}
	if serve := p["serve"]; c.defaults["admin"] != serve.defaults["admin"] {
		t.Errorf("%s asks %s by default, and the node listens on %s", health[1], c.defaults["admin"], serve.defaults["admin"])
	}
}

// TestImage_Context: every folder with code that the program is made of reaches the
// build, and neither secrets nor databases do.
func TestImage_Context(t *testing.T) {
	lines := strings.Fields(regexp.MustCompile(`(?m)^#.*$`).ReplaceAllString(read(t, ".dockerignore"), ""))
	if len(lines) == 0 || lines[0] != "*" {
		t.Fatal(".dockerignore does not begin by leaving out everything")
	}
	for _, need := range []string{"go.mod", "go.sum", "cmd", "domain", "eventstore", "handlers", "internal", "projections", "schema", "transport"} {
		if !slices.Contains(lines, "!"+need) {
			t.Errorf("%s does not reach the build", need)
		}
	}
	for _, line := range lines {
		if kept, isKept := strings.CutPrefix(line, "!"); isKept {
			if strings.Contains(kept, "*") || kept == "deploy" || strings.HasPrefix(kept, ".") {
				t.Errorf("%s reaches the build", kept)
			}
		}
	}
}

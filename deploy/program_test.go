package deploy_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// root is the repository.
const root = ".."

// command is what one command of the program takes.
type command struct {
	env      map[string]string // by variable: the flag it stands for
	defaults map[string]string // by flag; flags without a default have ""
}

// program is the command line of cmd/orderflow, by command ("serve", "orders place").
type program map[string]command

// readProgram reads the fields and tags that kong makes the command line of.
func readProgram(t *testing.T) program {
	t.Helper()
	structs := map[string]*ast.StructType{}
	for _, folder := range []string{"cmd/orderflow/node", "cmd/orderflow"} {
		eachSource(t, folder, func(_ string, f *ast.File) {
			ast.Inspect(f, func(n ast.Node) bool {
				if spec, ok := n.(*ast.TypeSpec); ok {
					if s, ok := spec.Type.(*ast.StructType); ok {
						structs[spec.Name.Name] = s
					}
				}
				return true
			})
		})
	}
	p := program{}
	p.collect(structs, "cli", "")
	if len(p) == 0 {
		t.Fatal("no commands were found in cmd/orderflow")
	}
	return p
}

// collect adds the commands below a struct whose name on the command line is prefix.
func (p program) collect(structs map[string]*ast.StructType, name, prefix string) {
	c := command{env: map[string]string{}, defaults: map[string]string{}}
	group := false
	c.fields(structs, name, func(field, kind string, tag reflect.StructTag) {
		if _, isCommand := tag.Lookup("cmd"); isCommand {
			group = true
			p.collect(structs, kind, strings.TrimSpace(prefix+" "+nameOf(field, tag)))
			return
		}
		flag := nameOf(field, tag)
		c.defaults[flag] = tag.Get("default")
		if env := tag.Get("env"); env != "" {
			c.env[env] = flag
		}
	})
	if !group && prefix != "" {
		p[prefix] = c
	}
}

// nameOf is what kong calls a field on the command line.
func nameOf(field string, tag reflect.StructTag) string {
	if name := tag.Get("name"); name != "" {
		return name
	}
	return kebab(field)
}

// fields calls f with every field of a struct and of those it embeds.
func (c command) fields(structs map[string]*ast.StructType, name string, f func(field, kind string, tag reflect.StructTag)) {
	s := structs[name]
	if s == nil {
		return
	}
	for _, field := range s.Fields.List {
		kind := ""
		switch at := field.Type.(type) {
		case *ast.Ident:
			kind = at.Name
		case *ast.SelectorExpr: // of package node
			kind = at.Sel.Name
		}
		if len(field.Names) == 0 {
			c.fields(structs, kind, f)
			continue
		}
		var tag reflect.StructTag
		if field.Tag != nil {
			if text, err := strconv.Unquote(field.Tag.Value); err == nil {
				tag = reflect.StructTag(text)
			}
		}
		if tag.Get("kong") != "-" {
			f(field.Names[0].Name, kind, tag)
		}
	}
}

var lowerUpper = regexp.MustCompile(`([a-z0-9])([A-Z])`)

// kebab is how kong names a flag or command after its field.
func kebab(field string) string {
	return strings.ToLower(lowerUpper.ReplaceAllString(field, "$1-$2"))
}

// eachSource calls f with every Go file of a folder that is not a test.
func eachSource(t *testing.T, folder string, f func(path string, file *ast.File)) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no Go files in %s: %v", folder, err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		f(path, parsed)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestProgram shows that the reading of the source finds what --help would list.
func TestProgram(t *testing.T) {
	p := readProgram(t)
	for _, name := range []string{"serve", "migrate", "orders place", "projections verify", "check", "version"} {
		if _, there := p[name]; !there {
			t.Errorf("the command %q was not found among %v", name, slices.Sorted(maps.Keys(p)))
		}
	}
	serve := p["serve"]
	for env, flag := range map[string]string{
		"ORDERFLOW_DSN": "dsn", "ORDERFLOW_NO_MIGRATE": "no-migrate", "ORDERFLOW_LEASE_TTL": "lease-ttl",
		"ORDERFLOW_DRAIN_TIMEOUT": "drain-timeout", "ORDERFLOW_AUTH_FILE": "auth-file",
	} {
		if serve.env[env] != flag {
			t.Errorf("%s stands for %q, want %q", env, serve.env[env], flag)
		}
	}
	if got := serve.defaults["drain-timeout"]; got != "30s" {
		t.Errorf("--drain-timeout is %q by default, want 30s", got)
	}
}

// shutdown is how long the program gives requests under way after draining.
func shutdown(t *testing.T) time.Duration {
	t.Helper()
	found := regexp.MustCompile(`shutdownTimeout\s*=\s*(\d+) \* time\.Second`).FindStringSubmatch(read(t, "cmd/orderflow/node/server.go"))
	if found == nil {
		t.Fatal("shutdownTimeout was not found in cmd/orderflow/node/server.go")
	}
	seconds, err := strconv.Atoi(found[1])
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(seconds) * time.Second
}

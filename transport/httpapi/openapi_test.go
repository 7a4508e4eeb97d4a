package httpapi

import (
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v3"

	"orderflow/domain"
	"orderflow/projections"
)

// document is as much of the OpenAPI document as these tests read.
type document struct {
	Paths      map[string]map[string]any `yaml:"paths"`
	Components struct {
		Schemas map[string]struct {
			Enum       []string       `yaml:"enum"`
			Properties map[string]any `yaml:"properties"`
		} `yaml:"schemas"`
	} `yaml:"components"`
}

// The documents, each of one listener.
const (
	customers = "openapi.yaml"
	operators = "openapi-admin.yaml"
)

func readDocument(t *testing.T, file string) (d document) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// operations lists "METHOD path" of routes.
func operations(routes []route) []string {
	var all []string
	for _, t := range routes {
		for method := range t.methods {
			all = append(all, method+" "+t.path)
		}
	}
	slices.Sort(all)
	return all
}

// nowhere is a node that is never asked.
type nowhere struct{ NodeControl }

func TestOpenAPI_paths(t *testing.T) {
	for file, routes := range map[string][]route{
		customers: apiRoutes(APIConfig{}),
		operators: adminRoutes(AdminConfig{Node: nowhere{}, Registry: prometheus.NewRegistry()}),
	} {
		var described, ids []string
		for path, item := range readDocument(t, file).Paths {
			for key, what := range item {
				if method := strings.ToUpper(key); method == http.MethodGet || method == http.MethodPost {
					described = append(described, method+" "+path)
					id, _ := what.(map[string]any)["operationId"].(string)
					if id == "" || slices.Contains(ids, id) {
						t.Errorf("%s: the operationId of %s %s is %q; want one of its own", file, method, path, id)
					}
					ids = append(ids, id)
				}
			}
		}
		slices.Sort(described)
		if served := operations(routes); !slices.Equal(served, described) {
			t.Errorf("%s describes\n%v\nand these are served:\n%v", file, described, served)
		}
	}
}

// What both documents have is the same in both.
func TestOpenAPI_shared(t *testing.T) {
	ours, theirs := readComponents(t, customers), readComponents(t, operators)
	shared := 0
	for kind, parts := range theirs {
		for name, part := range parts {
			if other, both := ours[kind][name]; both {
				shared++
				if !reflect.DeepEqual(part, other) {
					t.Errorf("components/%s/%s differs", kind, name)
				}
			}
		}
	}
	if shared < 6 {
		t.Errorf("only %d components are in both", shared)
	}
}

func readComponents(t *testing.T, file string) map[string]map[string]any {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Components map[string]map[string]any `yaml:"components"`
	}
	if err := yaml.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d.Components
}

// Names that the document repeats are those of the code.
func TestOpenAPI_names(t *testing.T) {
	schemas := readDocument(t, customers).Components.Schemas
	var events []string
	for _, e := range []domain.Event{
		domain.OrderPlaced{}, domain.StepStarted{}, domain.StepCompleted{}, domain.StepFailed{}, domain.StepInterrupted{},
		domain.StepRolledBack{}, domain.OrderCompleted{}, domain.OrderFailed{}, domain.OrderParked{}, domain.OrderResumed{},
		domain.OrderCancelRequested{}, domain.OrderCancelled{}, domain.OrderFailRequested{},
	} {
		events = append(events, domain.TypeOf(e))
	}
	if got := schemas["Status"].Enum; !slices.Equal(got, texts(domain.Statuses())) {
		t.Errorf("statuses %v", got)
	}
	if got := schemas["Step"].Enum; !slices.Equal(got, texts(domain.Steps())) {
		t.Errorf("steps %v", got)
	}
	typ := schemas["Event"].Properties["type"].(map[string]any)["enum"].([]any)
	for i, name := range events {
		if typ[i] != name {
			t.Errorf("event type %v, want %s", typ[i], name)
		}
	}
}

func TestOpenAPI_listParameters(t *testing.T) {
	get := readDocument(t, customers).Paths["/v1/orders"]["get"].(map[string]any)
	var described, read []string
	for _, p := range get["parameters"].([]any) {
		if name, _ := p.(map[string]any)["name"].(string); name != "" {
			described = append(described, name)
		}
	}
	for _, p := range filterParams {
		read = append(read, p.name)
	}
	if !slices.Equal(described, read) {
		t.Errorf("parameters %v are described, %v are read", described, read)
	}
	text, err := os.ReadFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "minimum: 1, maximum: 200, default: 50") || projections.MaxLimit != 200 || projections.DefaultLimit != 50 {
		t.Error("the limits of a page differ")
	}
	if description, _ := get["description"].(string); !strings.Contains(description, "exceed 8 MiB together") || projections.MaxPageDetails != 8<<20 {
		t.Error("the bytes of a page differ")
	}
}

func texts[T ~string](values []T) (all []string) {
	for _, v := range values {
		all = append(all, string(v))
	}
	return all
}

package httpapi

import (
	"net/http"
	"os"
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

func readDocument(t *testing.T) (d document) {
	t.Helper()
	text, err := os.ReadFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// operations lists "METHOD path" of all routes, of both listeners.
func operations() []string {
	var all []string
	routes := append(apiRoutes(APIConfig{}), adminRoutes(AdminConfig{Node: nowhere{}, Registry: prometheus.NewRegistry()})...)
	for _, t := range routes {
		for method := range t.methods {
			all = append(all, method+" "+t.path)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// nowhere is a node that is never asked.
type nowhere struct{ NodeControl }

func TestOpenAPI_paths(t *testing.T) {
	var described []string
	for path, item := range readDocument(t).Paths {
		for key := range item {
			if method := strings.ToUpper(key); method == http.MethodGet || method == http.MethodPost {
				described = append(described, method+" "+path)
			}
		}
	}
	slices.Sort(described)
	served := operations()
	for _, operation := range served {
		if !slices.Contains(described, operation) {
			t.Errorf("%s is served and not described", operation)
		}
	}
	for _, operation := range described {
		if !slices.Contains(served, operation) {
			t.Errorf("%s is described and not served", operation)
		}
	}
	if len(served) < 18 {
		t.Errorf("only %d operations are served", len(served))
	}
}

// Names that the document repeats are those of the code.
func TestOpenAPI_names(t *testing.T) {
	schemas := readDocument(t).Components.Schemas
	var events []string
	for _, e := range []domain.Event{
		domain.OrderPlaced{}, domain.StepStarted{}, domain.StepCompleted{}, domain.StepFailed{}, domain.StepInterrupted{},
		domain.StepRolledBack{}, domain.OrderCompleted{}, domain.OrderFailed{}, domain.OrderParked{}, domain.OrderResumed{},
	} {
		events = append(events, e.EventType())
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
	get := readDocument(t).Paths["/v1/orders"]["get"].(map[string]any)
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

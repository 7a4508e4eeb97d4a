package httpapi_test

import (
	"net/http"
	"os"
	"strings"
	"testing"
)

func TestOpenAPI_served(t *testing.T) {
	for file, h := range map[string]http.Handler{"openapi.yaml": newRig(), "openapi-admin.yaml": newAdmin(&fakeNode{})} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		w := do(t, h, request{path: "/openapi.yaml"})
		wantBody(t, w, http.StatusOK, string(text))
		wantHeader(t, w, "Content-Type", "application/yaml")
	}
}

// Every reference leads somewhere and every schema is a schema.
func TestOpenAPI_references(t *testing.T) {
	for _, c := range loadContracts() {
		c.checkReferences(t)
	}
}

func (c *contract) checkReferences(t *testing.T) {
	t.Helper()
	var walk func(at string, v any)
	walk = func(at string, v any) {
		switch v := v.(type) {
		case map[string]any:
			if ref, is := v["$ref"].(string); is && c.at(strings.TrimPrefix(ref, "#")) == nil {
				t.Errorf("%s refers to %s, which is not there", at, ref)
			}
			for key, value := range v {
				walk(at+"/"+escape(key), value)
			}
		case []any:
			for _, value := range v {
				walk(at+"/-", value)
			}
		}
	}
	walk("", c.doc)
	for name := range c.at("/components/schemas").(map[string]any) {
		if _, err := c.compiler.Compile("openapi.json#/components/schemas/" + name); err != nil {
			t.Errorf("schema %s: %v", name, err)
		}
	}
}

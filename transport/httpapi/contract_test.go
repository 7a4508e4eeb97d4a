package httpapi_test

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// contract is an OpenAPI document, ready to hold answers against.
type contract struct {
	doc      map[string]any
	compiler *jsonschema.Compiler
	schemas  map[string]*jsonschema.Schema
	mu       sync.Mutex
}

// loadContracts gives the customers' document and the operators'.
var loadContracts = sync.OnceValue(func() []*contract {
	return []*contract{loadContract("openapi.yaml"), loadContract("openapi-admin.yaml")}
})

func loadContract(file string) *contract {
	text, err := os.ReadFile(file)
	if err != nil {
		panic(err)
	}
	var doc any
	if err := yaml.Unmarshal(text, &doc); err != nil {
		panic(err)
	}
	b, err := json.Marshal(doc) // JSON's own types, as the validator wants them
	if err != nil {
		panic(err)
	}
	if doc, err = jsonschema.UnmarshalJSON(bytes.NewReader(b)); err != nil {
		panic(err)
	}
	c := &contract{doc: doc.(map[string]any), compiler: jsonschema.NewCompiler(), schemas: map[string]*jsonschema.Schema{}}
	c.compiler.DefaultDraft(jsonschema.Draft2020)
	c.compiler.AssertFormat()
	if err := c.compiler.AddResource("openapi.json", doc); err != nil {
		panic(err)
	}
	return c
}

// checkContract fails the test if the document does not foresee the answer.
func checkContract(t *testing.T, r *http.Request, w *httptest.ResponseRecorder) {
	t.Helper()
	c := loadContracts()[0]
	if admin := loadContracts()[1]; !c.describes(r) && admin.describes(r) {
		c = admin
	}
	mediaType, _, err := mime.ParseMediaType(w.Header().Get("Content-Type"))
	if err != nil {
		t.Fatalf("Content-Type of the answer: %v", err)
	}
	pointer := "/components/schemas/Problem"
	elsewhere := w.Code == http.StatusMethodNotAllowed || strings.Contains(w.Body.String(), "/problems/path-not-found")
	if operation, found := c.operation(r.Method, r.URL.Path); found && !elsewhere {
		response, found := c.response(operation, w.Code)
		if !found {
			t.Errorf("%s %s: the OpenAPI document has no answer %d", r.Method, r.URL.Path, w.Code)
			return
		}
		c.checkHeaders(t, response, w.Header())
		pointer = response + "/content/" + escape(mediaType) + "/schema"
	}
	if c.at(pointer) == nil { // such as plain text
		if strings.HasSuffix(mediaType, "json") {
			t.Errorf("%s %s: the OpenAPI document does not know %s for %d", r.Method, r.URL.Path, mediaType, w.Code)
		}
		return
	}
	if strings.HasSuffix(mediaType, "json") {
		c.validate(t, pointer, w.Body.Bytes())
	}
}

func (c *contract) describes(r *http.Request) bool {
	_, found := c.operation(r.Method, r.URL.Path)
	return found
}

func (c *contract) validate(t *testing.T, pointer string, body []byte) {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		t.Errorf("the answer is not JSON: %v: %q", err, body)
		return
	}
	c.mu.Lock()
	schema, known := c.schemas[pointer]
	if !known {
		schema, err = c.compiler.Compile("openapi.json#" + pointer)
		c.schemas[pointer] = schema
	}
	c.mu.Unlock()
	if err != nil {
		t.Fatalf("schema at %s: %v", pointer, err)
	}
	if err := schema.Validate(value); err != nil {
		t.Errorf("the answer is not as the OpenAPI document says: %v: %s", err, body)
	}
}

func (c *contract) checkHeaders(t *testing.T, response string, got http.Header) {
	t.Helper()
	headers, _ := c.at(response + "/headers").(map[string]any)
	for name := range headers {
		h, _ := c.at(c.follow(response + "/headers/" + name)).(map[string]any)
		if h["required"] == true && got.Get(name) == "" {
			t.Errorf("the answer lacks the header %s", name)
		}
	}
}

// operation finds the place in the document of what answers a request.
func (c *contract) operation(method, path string) (string, bool) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	best := ""
	for template := range c.doc["paths"].(map[string]any) {
		parts := regexp.MustCompile(`\\\{[^}]*\\\}`).ReplaceAllString(regexp.QuoteMeta(template), "[^/]+")
		plainer := best == "" || strings.Count(template, "{") < strings.Count(best, "{")
		if plainer && regexp.MustCompile("^"+parts+"$").MatchString(path) {
			best = template
		}
	}
	pointer := "/paths/" + escape(best) + "/" + strings.ToLower(method)
	return pointer, best != "" && c.at(pointer) != nil
}

func (c *contract) response(operation string, status int) (string, bool) {
	for _, code := range []string{strconv.Itoa(status), "default"} {
		if pointer := operation + "/responses/" + code; c.at(pointer) != nil {
			return c.follow(pointer), true
		}
	}
	return "", false
}

// follow goes from a $ref to what it refers to.
func (c *contract) follow(pointer string) string {
	if m, _ := c.at(pointer).(map[string]any); m != nil {
		if ref, is := m["$ref"].(string); is {
			return c.follow(strings.TrimPrefix(ref, "#"))
		}
	}
	return pointer
}

// at is the value at a JSON pointer, or nil.
func (c *contract) at(pointer string) any {
	var v any = c.doc
	for _, part := range strings.Split(pointer, "/")[1:] {
		m, _ := v.(map[string]any)
		v = m[strings.NewReplacer("~1", "/", "~0", "~").Replace(part)]
	}
	return v
}

func escape(part string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(part) }

package httpapi

import (
	_ "embed"
	"fmt"
	"net/http"
	"strings"
)

// The documents that describe the listeners, one for customers and one for operators.
var (
	//go:embed openapi.yaml
	customersDocument []byte
	//go:embed openapi-admin.yaml
	operatorsDocument []byte
)

// root is the answer at the root of a listener: what there is.
type root struct {
	Service   string   `json:"service"`
	Interface string   `json:"interface"` // which of the listeners this is
	Document  string   `json:"document"`  // path of what describes the others
	Paths     []string `json:"paths"`
}

// withRoot adds a route to the root that names the others.
func withRoot(which string, routes []route) []route {
	is := root{Service: "orderflow", Interface: which, Document: documentPath}
	for _, r := range routes {
		is.Paths = append(is.Paths, r.path)
	}
	return append(routes, route{"/", get(endpoint{serve: func(w http.ResponseWriter, _ *http.Request) error {
		return answer(w, http.StatusOK, is)
	}})})
}

const documentPath = "/openapi.yaml"

// aboutRoutes are what explains the rest of a listener, to everybody.
func aboutRoutes(document []byte) []route {
	serve := func(w http.ResponseWriter, _ *http.Request) error {
		write(w, "application/yaml", http.StatusOK, document)
		return nil
	}
	return []route{
		{documentPath, get(endpoint{serve: serve})},
		{problemsPath, get(endpoint{serve: listProblems})},
		{problemsPath + "/{name}", get(endpoint{serve: explainProblem})},
	}
}

// listProblems explains all problem types, as plain text.
func listProblems(w http.ResponseWriter, _ *http.Request) error {
	var b strings.Builder
	for _, t := range problemTypes {
		b.WriteString(t.text())
		b.WriteByte('\n')
	}
	write(w, "text/plain; charset=utf-8", http.StatusOK, []byte(b.String()))
	return nil
}

// explainProblem explains one.
func explainProblem(w http.ResponseWriter, r *http.Request) error {
	for _, t := range problemTypes {
		if t.uri() == r.URL.Path {
			write(w, "text/plain; charset=utf-8", http.StatusOK, []byte(t.text()))
			return nil
		}
	}
	return pathNotFound(r)
}

func (t problemType) text() string {
	return fmt.Sprintf("%s\n%d %s.\n%s\n", t.uri(), t.status, t.title, t.about)
}

package httpapi

import (
	_ "embed"
	"net/http"
)

// The documents that describe the listeners, one for customers and one for operators.
var (
	//go:embed openapi.yaml
	customersDocument []byte
	//go:embed openapi-admin.yaml
	operatorsDocument []byte
)

// aboutRoutes are what explains the rest of a listener, to everybody.
func aboutRoutes(document []byte) []route {
	serve := func(w http.ResponseWriter, _ *http.Request) error {
		write(w, "application/yaml", http.StatusOK, document)
		return nil
	}
	return []route{
		{"/openapi.yaml", get(endpoint{serve: serve})},
		{problemsPath, get(endpoint{serve: listProblems})},
		{problemsPath + "/{name}", get(endpoint{serve: explainProblem})},
	}
}

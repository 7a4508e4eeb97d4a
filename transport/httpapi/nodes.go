package httpapi

import (
	"context"
	"net/http"

	"github.com/gorilla/mux"

	"orderflow/handlers/operate"
)

// nodes lists the live nodes, or all registrations that are kept.
func (a *admin) nodes(w http.ResponseWriter, r *http.Request) error {
	params, err := readParams(r, "all")
	if err != nil {
		return err
	}
	all, err := flagParam(params, "all")
	if err != nil {
		return err
	}
	nodes, err := a.levers.List(r.Context(), all)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, map[string][]operate.Node{"nodes": nodes})
}

// nodeLever answers a lever on the node that the path names.
func (a *admin) nodeLever(pull func(l operate.Levers, ctx context.Context, node string, by operate.By) (operate.Done, error)) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		by, _, err := readLever(w, r)
		if err != nil {
			return err
		}
		done, err := pull(a.levers, r.Context(), mux.Vars(r)["node"], by)
		if err != nil {
			return err
		}
		return answer(w, http.StatusOK, done)
	}
}

// setLogLevel answers the lever that changes a node's log level.
func (a *admin) setLogLevel(w http.ResponseWriter, r *http.Request) error {
	by, given, err := readLever(w, r, "level")
	if err != nil {
		return err
	}
	done, err := a.levers.SetLogLevel(r.Context(), mux.Vars(r)["node"], given["level"], by)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, done)
}

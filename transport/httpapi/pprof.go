package httpapi

import (
	"net/http"
	"net/http/pprof"
	runtimepprof "runtime/pprof"

	"github.com/gorilla/mux"
)

// pprofRoutes are the profiles of net/http/pprof, but for cmdline: a command line may
// hold the database's password.
func pprofRoutes(roles []Role) []route {
	plain := func(h http.HandlerFunc) endpoint {
		return endpoint{roles: roles, serve: func(w http.ResponseWriter, r *http.Request) error { h(w, r); return nil }}
	}
	symbol := plain(pprof.Symbol)
	return []route{
		{"/debug/pprof/", get(plain(pprof.Index))},
		{"/debug/pprof/profile", get(whileThere(plain(pprof.Profile)))},
		{"/debug/pprof/trace", get(whileThere(plain(pprof.Trace)))},
		{"/debug/pprof/symbol", map[string]endpoint{http.MethodGet: symbol, http.MethodPost: symbol}},
		{"/debug/pprof/{profile}", get(endpoint{roles: roles, serve: namedProfile})},
	}
}

// whileThere is for a profile that burdens the process for as long as it runs, and of which only one
// can run at a time.
func whileThere(e endpoint) endpoint {
	e.whileThere = true
	return e
}

func namedProfile(w http.ResponseWriter, r *http.Request) error {
	name := mux.Vars(r)["profile"]
	if runtimepprof.Lookup(name) == nil {
		return pathNotFound(r)
	}
	pprof.Handler(name).ServeHTTP(w, r)
	return nil
}

package httpapi

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/mux"
	"github.com/sirupsen/logrus"

	"orderflow/domain"
)

// route is one path, with gorilla/mux's variables, and what its methods do.
type route struct {
	path    string
	methods map[string]endpoint
}

// endpoint answers one method of one path. The error it returns is answered as a
// problem; it must not have sent anything then.
type endpoint struct {
	serve func(http.ResponseWriter, *http.Request) error
	roles []Role // who may; empty: everybody
	// timeout ends the request's context; zero: no end.
	timeout time.Duration
	// whileThere ends the request's context with its client's connection. Any other request is carried
	// out and answered all the same: net/http cannot tell a client that has gone from one that has
	// sent everything and closed its own side of the connection.
	whileThere bool
}

// get is the methods of a path that can only be read.
func get(e endpoint) map[string]endpoint { return map[string]endpoint{http.MethodGet: e} }

// listener is what a listener's handler needs beside its routes.
type listener struct {
	auth *Auth
	// anyHost: the header Host is not looked at. Otherwise it must be a loopback name or one of hosts.
	anyHost bool
	hosts   []string
	// console: what fails below the console's path is answered to browsers with a page.
	console bool
	logger  *logrus.Entry
}

// newHandler makes one listener's handler: edge, size of the header, the host that is meant,
// cross-site requests, then the route.
func newHandler(routes []route, l listener) http.Handler {
	router := mux.NewRouter().SkipClean(true)
	for _, t := range routes {
		for method, e := range t.methods {
			router.Path(t.path).Methods(asked(method)...).Handler(e.handler(l.auth))
		}
		router.Path(t.path).Handler(t.methodNotAllowed())
	}
	router.NotFoundHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fail(w, r, pathNotFound(r)) })
	sameSite := http.NewCrossOriginProtection()
	sameSite.SetDenyHandler(http.HandlerFunc(refuseCrossSite))
	guarded := sameSite.Handler(wholeServer(router))
	if !l.anyHost {
		guarded = loopbackOr(l.hosts, guarded)
	}
	guarded = limitHeader(guarded)
	return newEdge(l.logger, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		exchangeOf(r.Context()).console = l.console
		guarded.ServeHTTP(w, r)
	}))
}

// wholeServer answers OPTIONS *, which asks for no path and only whether there is a server.
func wholeServer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodOptions && r.RequestURI == "*" {
			w.WriteHeader(http.StatusOK)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// asked are the methods that one answers: HEAD is GET, whose body net/http drops.
func asked(method string) []string {
	if method == http.MethodGet {
		return []string{http.MethodGet, http.MethodHead}
	}
	return []string{method}
}

func (e endpoint) handler(auth *Auth) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		role, err := auth.admit(r, e.roles)
		exchangeOf(r.Context()).role = role
		if err != nil {
			fail(w, r, err)
			return
		}
		e.run(w, r)
	})
}

func (e endpoint) run(w http.ResponseWriter, r *http.Request) {
	if !e.whileThere {
		r = r.WithContext(context.WithoutCancel(r.Context()))
	}
	if e.timeout > 0 {
		ctx, cancel := context.WithTimeout(r.Context(), e.timeout)
		defer cancel()
		r = r.WithContext(ctx)
	}
	if err := e.serve(w, r); err != nil {
		fail(w, r, err)
	}
}

// methodNotAllowed answers the methods that the route does not have.
func (t route) methodNotAllowed() http.Handler {
	var allow []string
	for method := range t.methods {
		allow = append(allow, asked(method)...)
	}
	slices.Sort(allow)
	all := strings.Join(allow, ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := problemMethodNotAllowed.because(fmt.Sprintf("%s is not allowed here (allowed: %s)", domain.Shorten(r.Method), all), members{"allow": allow})
		p.header = http.Header{"Allow": {all}}
		fail(w, r, p)
	})
}

func refuseCrossSite(w http.ResponseWriter, r *http.Request) {
	fail(w, r, problemCrossOrigin.because("a browser sent this request for a page of another site", nil))
}

// limitHeader refuses a header past MaxHeader with a problem document. The limit of net/http is
// higher, and its answer is plain text.
func limitHeader(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if size := headerSize(r); size > MaxHeader {
			fail(w, r, problemHeaderTooLarge.because(
				fmt.Sprintf("the request line and header fields have %d bytes, of %d allowed", size, MaxHeader), members{"limit": MaxHeader}))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// headerSize is the size of the request line and the fields as HTTP/1.1 writes them.
func headerSize(r *http.Request) int {
	size := len(r.Method) + len(r.RequestURI) + len(r.Proto) + len("  \r\n") + len("Host: \r\n") + len(r.Host)
	for name, values := range r.Header {
		for _, v := range values {
			size += len(name) + len(v) + len(": \r\n")
		}
	}
	return size
}

// A page of another site may give its own name the address of this machine (DNS rebinding). A browser
// then takes this listener for that site. Only the header Host tells: it holds the name.

// loopbackOr lets a request through if its Host is a name or address of the machine itself, or one of
// allowed, with any port. A request without Host (HTTP/1.0) is let through too: no browser sends one.
func loopbackOr(allowed []string, next http.Handler) http.Handler {
	names := make([]string, len(allowed))
	for i, name := range allowed {
		names[i] = hostName(name)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name := hostName(r.Host); r.Host != "" && !isLoopback(name) && !slices.Contains(names, name) {
			fail(w, r, problemMisdirected.because(
				fmt.Sprintf("this listener is not asked as %s: it is localhost, or one of --allowed-hosts", domain.Shorten(r.Host)), nil))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// hostName is the name or address of a Host, without its port, as names are compared.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

func isLoopback(name string) bool {
	ip := net.ParseIP(name)
	return name == "localhost" || ip != nil && ip.IsLoopback()
}

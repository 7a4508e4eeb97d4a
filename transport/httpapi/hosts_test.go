package httpapi_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"orderflow/transport/httpapi"
)

// A page of another site whose name has this machine's address asks with its own name.
func TestHosts_rebinding(t *testing.T) {
	node, r := &fakeNode{}, newRig()
	stop := request{method: http.MethodPost, path: "/command/stop"}
	for _, host := range []string{
		"evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "192.168.1.1:8080", "[2001:db8::1]:8080", "0.0.0.0",
		"evil.localhost.", "localhost@evil.example", "::1.evil.example",
	} {
		refused := problem{
			"misdirected", "The host is not one of this listener", 421, "this listener is not asked as " + host + ": it is localhost, or one of --allowed-hosts", nil,
		}
		for _, c := range []struct {
			h http.Handler
			q request
		}{{newAdmin(node), stop}, {newAdmin(node), request{path: "/metrics"}}, {r, post(`{}`)}, {r, request{path: orders}}} {
			c.q.host = host
			c.q = c.q.with("Origin", "http://"+host) // to the browser it is one site
			wantProblem(t, do(t, c.h, c.q), c.q.path, refused)
		}
	}
	if node.stopped != 0 || len(r.store.appended) != 0 {
		t.Error("it was carried out")
	}
}

func TestHosts_allowed(t *testing.T) {
	auth := mustAuth(t)
	named := []string{"Orders.example.org", "10.0.0.7", "2001:db8::7"}
	api := func(a *httpapi.Auth, hosts ...string) http.Handler {
		return newRig(func(c *httpapi.APIConfig) { c.Auth, c.AllowedHosts = a, hosts })
	}
	admin := func(a *httpapi.Auth, hosts ...string) http.Handler {
		return newAdmin(&fakeNode{}, func(c *httpapi.AdminConfig) { c.Auth, c.AllowedHosts = a, hosts })
	}
	for name, c := range map[string]struct {
		h     http.Handler
		hosts []string
		want  int
	}{
		"loopback":                {api(nil), []string{"localhost", "LOCALHOST:1", "localhost.", "127.0.0.1", "127.1.2.3:80", "[::1]", "[::1]:8080", "[::ffff:127.0.0.1]"}, 200},
		"named":                   {api(nil, named...), []string{"orders.example.org", "orders.example.org.:443", "ORDERS.EXAMPLE.ORG", "10.0.0.7:80", "[2001:db8::7]:80", "localhost"}, 200},
		"not named":               {api(nil, named...), []string{"a.orders.example.org", "example.org", "10.0.0.8"}, 421},
		"tokens":                  {api(auth), []string{"anything.example", "10.1.2.3:8080"}, 401}, // the token is asked for
		"tokens and names":        {api(auth, named...), []string{"anything.example", "10.1.2.3:8080"}, 421},
		"admin":                   {admin(nil), []string{"127.0.0.1:8765"}, 200},
		"admin, named":            {admin(nil, named...), []string{"orders.example.org"}, 200},
		"admin, tokens":           {admin(auth), []string{"10.1.2.3:8765"}, 200}, // as a kubelet asks
		"admin, tokens and names": {admin(auth, named...), []string{"10.1.2.3:8765"}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			path := orders
			if len(name) >= 5 && name[:5] == "admin" {
				path = "/livez"
			}
			for _, host := range c.hosts {
				if w := do(t, c.h, request{path: path, host: host}); w.Code != c.want {
					t.Errorf("Host %s: %d, want %d", host, w.Code, c.want)
				}
			}
		})
	}
}

// TestHosts_served: what net/http makes of requests without a path or without a host. Browsers
// name the host; a load balancer's check over HTTP/1.0 need not.
func TestHosts_served(t *testing.T) {
	for request, want := range map[string]string{
		"GET /livez HTTP/1.0\r\n":                                       "HTTP/1.0 200 OK",
		"OPTIONS / HTTP/1.0\r\n":                                        "HTTP/1.0 405 Method Not Allowed",
		"GET /livez HTTP/1.1\r\n":                                       "HTTP/1.1 400 Bad Request: missing required Host header",
		"GET /livez HTTP/1.0\r\nHost: evil.example\r\n":                 "HTTP/1.0 421 Misdirected Request",
		"OPTIONS * HTTP/1.1\r\nHost: evil.example\r\n":                  "HTTP/1.1 421 Misdirected Request",
		"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n":                     "HTTP/1.1 200 OK",
		"GET http://evil.example/livez HTTP/1.1\r\nHost: localhost\r\n": "HTTP/1.1 421 Misdirected Request",
	} {
		t.Run(request, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, answer := closesAfter(t, serve(t, newAdmin(&fakeNode{}))(), request+"Connection: close\r\n\r\n")
				if first, _, _ := strings.Cut(answer, "\r\n"); first != want {
					t.Errorf("answered %q, want %q", answer, want)
				}
			})
		})
	}
}

package httpapi

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"

	"orderflow/domain"
)

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

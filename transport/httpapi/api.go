package httpapi

import (
	"cmp"
	"net/http"
	"runtime"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/semaphore"
)

// APIConfig says what the customers' API works with.
type APIConfig struct {
	Placer  Placer
	Views   Views
	History History
	// Auth asks for tokens; nil: everybody may do everything.
	Auth *Auth
	// AllowedHosts are the names, without ports, under which the listener may be asked beside
	// localhost and loopback addresses. With Auth, none means any.
	AllowedHosts []string
	// Logger gets a line per request; nil: none.
	Logger *logrus.Entry
	// InHand bounds the bytes of the bodies that are held at once, and those of the answers. A request
	// beyond the bound is told to come again (503, Retry-After). 0: 64 MiB.
	InHand int64
	// Timeout bounds the work on one request; 0: 15 s.
	Timeout time.Duration
}

// NewAPI makes the customers' API: /v1/orders and what is below it, /openapi.yaml and
// /problems.
func NewAPI(c APIConfig) http.Handler {
	c.Timeout = cmp.Or(c.Timeout, 15*time.Second)
	c.InHand = cmp.Or(c.InHand, defaultInHand)
	return newHandler(apiRoutes(c), listener{
		auth: c.Auth, anyHost: c.Auth != nil && len(c.AllowedHosts) == 0, hosts: c.AllowedHosts, logger: c.Logger,
	})
}

func apiRoutes(c APIConfig) []route {
	a := &api{placer: c.Placer, views: c.Views, history: c.History, answers: newAnswers(c.InHand), decoding: semaphore.NewWeighted(max(1, int64(runtime.GOMAXPROCS(0)/2)))}
	a.bodies.most = c.InHand
	reads := func(serve func(http.ResponseWriter, *http.Request) error) endpoint {
		return endpoint{serve: serve, roles: []Role{RoleCustomer, RoleOperator, RoleAuditor}, timeout: c.Timeout}
	}
	place := endpoint{serve: a.place, roles: []Role{RoleCustomer, RoleOperator}, timeout: c.Timeout}
	return withRoot("orders", append([]route{
		{"/v1/orders", map[string]endpoint{http.MethodPost: place, http.MethodGet: reads(a.list)}},
		{"/v1/orders/{id}", get(reads(a.order))},
		{"/v1/orders/{id}/events", get(reads(a.events))},
	}, aboutRoutes(customersDocument)...))
}

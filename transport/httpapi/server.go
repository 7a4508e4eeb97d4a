package httpapi

import (
	"net/http"
	"time"
)

// What a request may measure at most. Every limit is inclusive.
const (
	// MaxBody is the size of a body in bytes.
	MaxBody = 1 << 20
	// MaxHeader is the size in bytes of the request line and the header fields together.
	MaxHeader = 16 << 10
)

// The time a connection may take. A profile (/debug/pprof/profile) must fit into
// writeTimeout; answers that are sent as a whole have less, see partTimeout.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = 60 * time.Second
	idleTimeout       = 2 * time.Minute
)

// A client has partTimeout for each answerPart bytes of an answer. A client that does not read is not
// waited for long, since its answer is in hand for that time.
const (
	answerPart  = 1 << 20
	partTimeout = 5 * time.Second
)

// NewServer makes a server for one of this package's handlers. It bounds the time and
// the header of every request; the caller listens, serves and shuts it down.
func NewServer(addr string, h http.Handler) *http.Server {
	return &http.Server{
		Addr:                         addr,
		Handler:                      h,
		ReadHeaderTimeout:            readHeaderTimeout,
		ReadTimeout:                  readTimeout,
		WriteTimeout:                 writeTimeout,
		IdleTimeout:                  idleTimeout,
		DisableGeneralOptionsHandler: true, // it asks for no host
		// Above MaxHeader, so that most of what is too large is answered by a problem.
		MaxHeaderBytes: 2 * MaxHeader,
	}
}

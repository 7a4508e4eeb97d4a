package httpapi

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/sirupsen/logrus"
)

// edge is the outermost handler: it gives every request its exchange, answers for
// handlers that panic, and writes the one log line.
type edge struct {
	logger *logrus.Entry
	next   http.Handler
}

func newEdge(logger *logrus.Entry, next http.Handler) edge {
	if logger == nil {
		silent := logrus.New()
		silent.SetOutput(io.Discard)
		logger = logrus.NewEntry(silent)
	}
	return edge{logger: logger, next: next}
}

// ServeHTTP is http.Handler.
func (e edge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x, r := newExchange(w, r)
	x.Header().Set(headerCorrelation, x.correlationID)
	x.Header().Set("Cache-Control", "no-store")
	x.Header().Set("X-Content-Type-Options", "nosniff")
	defer func() { e.finish(x, r, recover()) }()
	e.next.ServeHTTP(x, r)
}

// finish runs deferred, so that the stack of a panic is still there.
func (e edge) finish(x *exchange, r *http.Request, thrown any) {
	if thrown == http.ErrAbortHandler { //nolint:errorlint // net/http compares it like this
		panic(thrown)
	}
	begun := x.status != 0
	if thrown != nil {
		err := &panicError{value: thrown, stack: debug.Stack()}
		if !begun {
			fail(x, r, err)
		}
		x.err = err
	}
	e.write(x, r)
	if thrown != nil && begun {
		panic(http.ErrAbortHandler) // half an answer must not look like a whole one
	}
}

// write logs: faults as errors, what the database could not do as warnings, changes
// as info, the rest for debugging.
func (e edge) write(x *exchange, r *http.Request) {
	entry := e.logger.WithFields(logrus.Fields{
		"method": r.Method, "path": r.URL.Path, "status": x.status, "bytes": x.bytes,
		"duration_ms":    float64(time.Since(x.started).Microseconds()) / 1000,
		"correlation_id": x.correlationID, "remote": r.RemoteAddr,
	})
	if x.orderID != "" {
		entry = entry.WithField("order_id", x.orderID)
	}
	if x.role != "" {
		entry = entry.WithField("role", x.role)
	}
	if x.err != nil {
		entry = entry.WithError(x.err)
	}
	var p *panicError
	if errors.As(x.err, &p) {
		entry = entry.WithField("stack", string(p.stack))
	}
	entry.Log(level(x, r), "request answered")
}

func level(x *exchange, r *http.Request) logrus.Level {
	var p *panicError
	switch {
	case errors.As(x.err, &p):
		return logrus.ErrorLevel
	case x.status == http.StatusServiceUnavailable:
		return logrus.WarnLevel
	case x.status >= 500:
		return logrus.ErrorLevel
	case x.status < 400 && x.err != nil: // answered, but not in full
		return logrus.WarnLevel
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		return logrus.InfoLevel
	}
	return logrus.DebugLevel
}

// panicError is what a handler threw.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

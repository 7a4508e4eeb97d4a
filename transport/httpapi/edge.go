package httpapi

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	"github.com/google/uuid"
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
		x.err, x.stack = fmt.Errorf("panic: %v", thrown), debug.Stack()
		if !begun {
			fail(x, r, x.err)
		}
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
	if x.stack != nil {
		entry = entry.WithField("stack", string(x.stack))
	}
	entry.Log(level(x, r), "request answered")
}

func level(x *exchange, r *http.Request) logrus.Level {
	switch {
	case x.stack != nil:
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

const (
	headerCorrelation = "X-Correlation-ID"
	headerRequestID   = "X-Request-ID"
	headerTraceParent = "traceparent"
)

// exchange is one request and its answer: what the log has to say of it, and the
// writer of the answer, which counts.
type exchange struct {
	http.ResponseWriter
	started       time.Time
	correlationID string
	traceParent   string // empty if there was none, or none that is valid
	role          Role   // empty without a token
	console       bool   // the listener has the console: what fails there is a page
	orderID       string // the order that was placed, or is asked for; empty if there is none
	status        int    // 0 until the answer has begun
	bytes         int64
	err           error  // why the answer is a problem
	stack         []byte // of the panic, if that is why
}

type exchangeKey struct{}

func newExchange(w http.ResponseWriter, r *http.Request) (*exchange, *http.Request) {
	x := &exchange{
		ResponseWriter: w,
		started:        time.Now(),
		correlationID:  correlationID(r.Header),
		traceParent:    traceParent(r.Header[http.CanonicalHeaderKey(headerTraceParent)]),
	}
	return x, r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x))
}

// exchangeOf is the exchange that the edge put into a request's context.
func exchangeOf(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

// WriteHeader notes the status.
func (x *exchange) WriteHeader(status int) {
	if x.status == 0 && status >= http.StatusOK {
		x.status = status
	}
	x.ResponseWriter.WriteHeader(status)
}

// Write counts what is sent.
func (x *exchange) Write(b []byte) (int, error) {
	if x.status == 0 {
		x.status = http.StatusOK
	}
	n, err := x.ResponseWriter.Write(b)
	x.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// fail answers a request with the problem that err is, and keeps err for the log.
func fail(w http.ResponseWriter, r *http.Request, err error) {
	x := exchangeOf(r.Context())
	x.err = err
	p := problemOf(err)
	maps.Copy(w.Header(), p.kind.header)
	maps.Copy(w.Header(), p.header)
	if x.console && wantsPage(r) {
		failPage(w, r, p)
		return
	}
	write(w, "application/problem+json", p.kind.status, append(p.document(r.URL.EscapedPath(), x.correlationID), '\n'))
}

// correlationID is the caller's id if it gave a usable one, or else a new one.
func correlationID(h http.Header) string {
	for _, name := range []string{headerCorrelation, headerRequestID} {
		if id := h.Get(name); usableID.MatchString(id) {
			return id
		}
	}
	return uuid.NewString()
}

// usableID is what can stand in a log line and a header.
var usableID = regexp.MustCompile(`^[\x21-\x7e]{1,128}$`)

// traceForm is a traceparent of https://www.w3.org/TR/trace-context/#traceparent-header. Versions
// after 00 may have more at the end.
var traceForm = regexp.MustCompile(`^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-[\x21-\x7e]*)?$`)

// maxTraceParent is twice the length of one of version 00.
const maxTraceParent = 110

// traceParent is the one valid W3C trace context among the values of its header, or empty.
func traceParent(values []string) string {
	if len(values) != 1 || len(values[0]) > maxTraceParent {
		return ""
	}
	part := traceForm.FindStringSubmatch(values[0])
	if len(part) == 0 || part[1] == "ff" || part[1] == "00" && part[4] != "" || isZero(part[2]) || isZero(part[3]) {
		return ""
	}
	return values[0]
}

func isZero(hex string) bool { return strings.Trim(hex, "0") == "" }

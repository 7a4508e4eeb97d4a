package httpapi

import (
	"context"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"
)

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
	orderID       string // the order that was placed, or is asked for; empty if there is none
	status        int    // 0 until the answer has begun
	bytes         int64
	err           error // why the answer is a problem
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
	write(w, "application/problem+json", p.kind.status, append(p.document(r.URL.EscapedPath(), x.correlationID), '\n'))
}

// correlationID is the caller's id if it gave a usable one, or else a new one.
func correlationID(h http.Header) string {
	for _, name := range []string{headerCorrelation, headerRequestID} {
		if id := h.Get(name); usableID(id) {
			return id
		}
	}
	return uuid.NewString()
}

// usableID accepts what can stand in a log line and a header: 1 to 128 bytes of
// visible ASCII.
func usableID(id string) bool {
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return false
		}
	}
	return id != "" && len(id) <= 128
}

// traceForm is a traceparent of https://www.w3.org/TR/trace-context/#traceparent-header. Versions
// after 00 may have more at the end.
var traceForm = regexp.MustCompile(`^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-[!-~]*)?$`)

// maxTraceParent is twice the length of one of version 00.
const maxTraceParent = 110

// traceParent is the one valid W3C trace context among the values of its header, or empty.
func traceParent(values []string) string {
	if len(values) != 1 || len(values[0]) > maxTraceParent {
		return ""
	}
	part := traceForm.FindStringSubmatch(values[0])
	if part == nil || part[1] == "ff" || part[1] == "00" && part[4] != "" || isZero(part[2]) || isZero(part[3]) {
		return ""
	}
	return values[0]
}

func isZero(hex string) bool { return strings.Trim(hex, "0") == "" }

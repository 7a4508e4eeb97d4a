package httpapi

import (
	"fmt"
	"net/http"
	"strings"
)

// problemType is one kind of answer that is not what was asked for.
type problemType struct {
	name   string // last part of its URI
	status int
	title  string
	about  string // what it means and what to do about it
}

func (t problemType) uri() string { return problemsPath + "/" + t.name }

// The names of the problem types. They are part of the contract: clients compare them.
const (
	problemMalformedJSON    = "malformed-json"
	problemTooDeep          = "too-deep"
	problemInvalidValue     = "invalid-value"
	problemUnknownField     = "unknown-field"
	problemRepeatedField    = "repeated-field"
	problemInvalidRequest   = "invalid-request"
	problemIncompleteBody   = "incomplete-body"
	problemBodyTimeout      = "body-timeout"
	problemUnauthenticated  = "unauthenticated"
	problemForbidden        = "forbidden"
	problemCrossOrigin      = "cross-origin"
	problemOrderNotFound    = "order-not-found"
	problemPathNotFound     = "path-not-found"
	problemMethodNotAllowed = "method-not-allowed"
	problemKeyInUse         = "key-in-use"
	problemConflict         = "conflict"
	problemNotAllowed       = "not-allowed"
	problemBodyTooLarge     = "body-too-large"
	problemMediaType        = "unsupported-media-type"
	problemMisdirected      = "misdirected"
	problemHeaderTooLarge   = "header-too-large"
	problemInternal         = "internal"
	problemUnavailable      = "unavailable"
	problemOverloaded       = "overloaded"
	problemTimeout          = "timeout"
	problemUnhealthy        = "unhealthy"
)

const aboutRepeat = "Repeat the request after the seconds that the header Retry-After gives. Whether an order was placed is not " +
	"known; a repeat with the same tracking_id or Idempotency-Key places it once and not twice."

// problemTypes lists every problem type, by status.
var problemTypes = []problemType{
	{problemMalformedJSON, 400, "The body is not one well-formed JSON object",
		"detail says what was found; line, column (in characters, from 1) and offset (in bytes, from 0) say where."},
	{problemTooDeep, 400, "The JSON is nested too deeply", "limit is the number of levels that are allowed."},
	{problemInvalidValue, 400, "A value is not what it must be",
		"field names the field, parameter or header, in says which of these it is (body, query, path, header), expected says what is allowed there."},
	{problemUnknownField, 400, "A field or parameter is unknown",
		"field is the name, allowed lists the names there are, suggestion is the one that was probably meant."},
	{problemRepeatedField, 400, "A field, parameter or header is given twice", "field is the name. Send it once."},
	{problemInvalidRequest, 400, "The request is invalid", "detail says why. Repeating the request cannot succeed."},
	{problemIncompleteBody, 400, "The body did not arrive", "The connection broke. Repeat the request."},
	{problemUnauthenticated, 401, "A token is needed", "Send the header Authorization: Bearer TOKEN with a token of this system."},
	{problemForbidden, 403, "The token's role may not do this", "roles lists the roles that may."},
	{problemCrossOrigin, 403, "Refused: a request from another site", "A browser sent this request for a page of another site."},
	{problemOrderNotFound, 404, "There is no such order", "order_id is the id that was asked for."},
	{problemPathNotFound, 404, "There is nothing at this path", "See /openapi.yaml for the paths there are."},
	{problemMethodNotAllowed, 405, "The method is not allowed here", "The header Allow and the member allow list the methods that are."},
	{problemBodyTimeout, 408, "The body took too long", "Nothing was done. Repeat the request, over a connection that sends the body within 30 s."},
	{problemKeyInUse, 409, "The key names another order",
		"An order with other content was placed with this tracking_id or Idempotency-Key (field). order_id is that order."},
	{problemConflict, 409, "The order has changed meanwhile", "Read it again and repeat the request."},
	{problemNotAllowed, 409, "The order's state does not allow this", "detail names the rule."},
	{problemBodyTooLarge, 413, "The body is too large", "limit is the number of bytes that are allowed."},
	{problemMediaType, 415, "The body is of the wrong type", "Send Content-Type: application/json, in UTF-8, not compressed."},
	{problemMisdirected, 421, "The host is not one of this listener",
		"The header Host names another machine than this one. Ask as localhost, or have the node started with --allowed-hosts."},
	{problemHeaderTooLarge, 431, "The header is too large", "limit is the number of bytes allowed for the request line and the header fields together."},
	{problemInternal, 500, "Something went wrong", "It is a fault of this system, and in its log under correlation_id."},
	{problemUnavailable, 503, "The database cannot answer now", aboutRepeat},
	{problemOverloaded, 503, "The node has too much in hand",
		"Nothing was done. Repeat the request after the seconds that the header Retry-After gives; large orders wait longer than small ones."},
	{problemTimeout, 503, "The answer took too long", aboutRepeat},
	{problemUnhealthy, 503, "The check failed", "detail says why."},
}

func problemTypeOf(name string) problemType {
	for _, t := range problemTypes {
		if t.name == name {
			return t
		}
	}
	return problemTypeOf(problemInternal)
}

// listProblems explains all problem types, as plain text.
func listProblems(w http.ResponseWriter, _ *http.Request) error {
	var b strings.Builder
	for _, t := range problemTypes {
		b.WriteString(t.text())
		b.WriteByte('\n')
	}
	write(w, "text/plain; charset=utf-8", http.StatusOK, []byte(b.String()))
	return nil
}

// explainProblem explains one.
func explainProblem(w http.ResponseWriter, r *http.Request) error {
	for _, t := range problemTypes {
		if t.uri() == r.URL.Path {
			write(w, "text/plain; charset=utf-8", http.StatusOK, []byte(t.text()))
			return nil
		}
	}
	return pathNotFound(r)
}

func (t problemType) text() string {
	return fmt.Sprintf("%s\n%d %s.\n%s\n", t.uri(), t.status, t.title, t.about)
}

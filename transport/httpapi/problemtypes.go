package httpapi

import "net/http"

// problemsPath is where the problem types are explained; a type's URI is below it.
const problemsPath = "/problems"

// problemType is one kind of answer that is not what was asked for.
type problemType struct {
	name   string // last part of its URI; clients compare it
	status int
	title  string
	about  string // what it means and what to do about it
	header http.Header
}

func (t problemType) uri() string { return problemsPath + "/" + t.name }

const aboutRepeat = "Repeat the request after the seconds that the header Retry-After gives. Whether an order was placed is not " +
	"known; a repeat with the same tracking_id or Idempotency-Key places it once and not twice."

// The problem types, by status.
var (
	problemMalformedJSON = declare(400, "malformed-json", "The body is not one well-formed JSON object",
		"detail says what was found; line, column (in characters, from 1) and offset (in bytes, from 0) say where.")
	problemTooDeep      = declare(400, "too-deep", "The JSON is nested too deeply", "limit is the number of levels that are allowed.")
	problemInvalidValue = declare(400, "invalid-value", "A value is not what it must be",
		"field names the field, parameter or header, in says which of these it is (body, query, path, header), expected says what is allowed there.")
	problemUnknownField = declare(400, "unknown-field", "A field or parameter is unknown",
		"field is the name, allowed lists the names there are, suggestion is the one that was probably meant.")
	problemRepeatedField   = declare(400, "repeated-field", "A field, parameter or header is given twice", "field is the name. Send it once.")
	problemInvalidRequest  = declare(400, "invalid-request", "The request is invalid", "detail says why. Repeating the request cannot succeed.")
	problemIncompleteBody  = declare(400, "incomplete-body", "The body did not arrive", "The connection broke. Repeat the request.")
	problemUnauthenticated = declare(401, "unauthenticated", "A token is needed",
		"Send the header Authorization: Bearer TOKEN with a token of this system.")
	problemForbidden   = declare(403, "forbidden", "The token's role may not do this", "roles lists the roles that may.")
	problemCrossOrigin = declare(403, "cross-origin", "Refused: a request from another site",
		"A browser sent this request for a page of another site.")
	problemOrderNotFound    = declare(404, "order-not-found", "There is no such order", "order_id is the id that was asked for.")
	problemNodeNotFound     = declare(404, "node-not-found", "There is no such live node", "node is the name that was asked for, nodes lists those that there are.")
	problemAlarmNotFound    = declare(404, "alarm-not-found", "There is no such alarm", "Alarms that were cleared long ago are not kept.")
	problemJobNotFound      = declare(404, "job-not-found", "There is no such job", "Jobs that were ordered long ago are not kept.")
	problemLetterNotFound   = declare(404, "letter-not-found", "There is no such dead letter", "Others may have requeued or discarded it.")
	problemPathNotFound     = declare(404, "path-not-found", "There is nothing at this path", "See /openapi.yaml for the paths there are.")
	problemMethodNotAllowed = declare(405, "method-not-allowed", "The method is not allowed here",
		"The header Allow and the member allow list the methods that are.")
	problemBodyTimeout = declare(408, "body-timeout", "The body took too long",
		"Nothing was done. Repeat the request, over a connection that sends the body within 30 s.").sends("Connection", "close") // the rest of the body is not read
	problemKeyInUse = declare(409, "key-in-use", "The key names another order",
		"An order with other content was placed with this tracking_id or Idempotency-Key (field). order_id is that order.")
	problemConflict     = declare(409, "conflict", "The order has changed meanwhile", "Read it again and repeat the request.")
	problemCountChanged = declare(409, "count-changed", "There are not as many as were confirmed",
		"Nothing was done. count is how many there are now: look at them, and confirm that number.")
	problemNotAllowed   = declare(409, "not-allowed", "The order's state does not allow this", "detail names the rule; order_status and version say how the order stands, where that is known.")
	problemVersion      = declare(412, "version-differs", "The order is at another version", "version is the one that it is at, also in the header ETag. Look at the order again and decide anew.")
	problemBodyTooLarge = declare(413, "body-too-large", "The body is too large", "limit is the number of bytes that are allowed.").sends("Connection", "close")
	problemMediaType    = declare(415, "unsupported-media-type", "The body is of the wrong type",
		"Send Content-Type: application/json, in UTF-8, not compressed.").
		sends("Accept", "application/json").sends("Accept-Encoding", "identity")
	problemMisdirected = declare(421, "misdirected", "The host is not one of this listener",
		"The header Host names another machine than this one. Ask as localhost, or have the node started with --allowed-hosts.")
	problemHeaderTooLarge = declare(431, "header-too-large", "The header is too large",
		"limit is the number of bytes allowed for the request line and the header fields together.").sends("Connection", "close")
	problemInternal    = declare(500, "internal", "Something went wrong", "It is a fault of this system, and in its log under correlation_id.")
	problemUnavailable = declare(503, "unavailable", "The database cannot answer now", aboutRepeat).sends("Retry-After", "1")
	problemOverloaded  = declare(503, "overloaded", "The node has too much in hand",
		"Nothing was done. Repeat the request after the seconds that the header Retry-After gives; large orders wait longer than small ones.").sends("Retry-After", "1")
	problemJobDoubt  = declare(503, "job-in-doubt", "Whether the job was ordered is not known", "job_id is the job. Look whether it runs before you order it again.")
	problemTimeout   = declare(503, "timeout", "The answer took too long", aboutRepeat).sends("Retry-After", "1")
	problemUnhealthy = declare(503, "unhealthy", "The check failed", "detail says why.")
)

// problemTypes lists them.
var problemTypes []*problemType

func declare(status int, name, title, about string) *problemType {
	t := &problemType{name: name, status: status, title: title, about: about, header: http.Header{}}
	problemTypes = append(problemTypes, t)
	return t
}

// sends is for a header that goes with all answers of the type.
func (t *problemType) sends(name, value string) *problemType {
	t.header.Set(name, value)
	return t
}

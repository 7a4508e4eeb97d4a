// Package httpapi is the HTTP interface of the system: the customers' API, and the
// admin interface of a node, each an http.Handler of its own for its own listener.
//
// What it promises:
//
//   - A placed order is in the event store before the answer leaves (202, Location).
//     An order with a tracking_id or an Idempotency-Key is placed once however often it
//     is sent: a repeat gets the same answer, the same key with another body gets 409.
//   - What a customer put into detail comes back with every digit and character as it
//     was sent; only white space between tokens is dropped.
//   - Every error is answered with a problem document of RFC 9457, application/problem+json.
//     Its type is a path of this server that explains it (/problems). Its members name the
//     field, parameter or header at fault and what was expected. With a status of 500 and above
//     only the log has the cause, under the answer's correlation id. Two answers come from
//     net/http itself and are plain text: to a request that is not HTTP, and to a header past
//     twice MaxHeader.
//   - Below /ui of the admin listener, where the console is (package console), a browser is told of an error by a page.
//   - Every request has a correlation id, the caller's own (X-Correlation-ID, X-Request-ID)
//     or a new one, which is in the answer, in the log line, and in every event that follows.
//   - A request that has arrived whole is carried out and answered whatever becomes of its client's
//     connection, but for profiles, which end with it.
//   - One log line per request, written when it has been answered. A panic of a handler is
//     a 500 and one log line.
//   - State-changing requests that a browser sends from another site are refused.
//   - With tokens (see Auth) each endpoint asks for one of its roles; without, everybody
//     may do everything, and the listener must not be reachable from beyond the machine. It
//     then answers only if Host is a loopback name or address, or one that is allowed. Otherwise
//     any site could give its own name this machine's address, and a browser would believe it.
//
// Limits: body MaxBody, request line and header MaxHeader, list projections.MaxLimit; detail, tracking_id
// and Idempotency-Key as package handlers has them. Each is inclusive.
//
// openapi.yaml describes the customers' API, openapi-admin.yaml the admin interface; each listener
// serves its own at /openapi.yaml. Tests hold them against the routes and against the answers.
package httpapi

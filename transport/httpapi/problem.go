package httpapi

import (
	"bytes"
	"maps"
	"net/http"
	"strconv"
	"sync"

	"orderflow/domain"
)

// problemsPath is where the problem types are explained; a type's URI is below it.
const problemsPath = "/problems"

// problem is the body of an answer that is not what was asked for (RFC 9457).
type problem struct {
	Type     string `json:"type"`
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail"`
	Instance string `json:"instance"`
	members  map[string]any
}

// encode gives the problem as JSON: the members of RFC 9457, then the others by name.
func (p problem) encode() ([]byte, error) {
	body, err := domain.MarshalStored(p)
	if err != nil || len(p.members) == 0 {
		return body, err
	}
	more, err := domain.MarshalStored(p.members)
	if err != nil {
		return nil, err
	}
	return bytes.Join([][]byte{body[:len(body)-1], more[1:]}, []byte(",")), nil
}

// fail answers a request with the problem that err is, and keeps err for the log.
func fail(w http.ResponseWriter, r *http.Request, err error) {
	x := exchangeOf(r.Context())
	x.err = err
	p, header := problemOf(err)
	p.Instance = r.URL.EscapedPath()
	p.members = maps.Clone(p.members)
	if p.members == nil {
		p.members = map[string]any{}
	}
	p.members["correlation_id"] = x.correlationID
	body, err := p.encode()
	if err != nil { // a member that is no JSON: a fault of this package
		p.members = nil
		body, _ = p.encode()
	}
	maps.Copy(w.Header(), header)
	write(w, "application/problem+json", p.Status, append(body, '\n'))
}

// answer sends v as JSON. Nothing has been sent if it fails.
func answer(w http.ResponseWriter, status int, v any) error {
	body, err := domain.MarshalStored(v)
	if err != nil {
		return err
	}
	write(w, "application/json", status, append(body, '\n'))
	return nil
}

// keptBody is the room of an answer up to which it is used again.
const keptBody = 1 << 20

var bodies = sync.Pool{New: func() any { return new([]byte) }}

// answers bounds the bytes of answers that are being sent: a client that reads slowly has its
// answer held.
type answers struct{ budget }

// ready sends JSON that is made by appending it. Nothing has been sent if that fails.
func (a *answers) ready(w http.ResponseWriter, appendTo func(b []byte) ([]byte, error)) error {
	room := bodies.Get().(*[]byte)
	defer bodies.Put(room)
	body, err := appendTo((*room)[:0])
	if err != nil {
		return err
	}
	body = append(body, '\n')
	if cap(body) <= keptBody {
		*room = body
	}
	return a.send(w, body) // which keeps nothing of it
}

// send sends JSON.
func (a *answers) send(w http.ResponseWriter, body []byte) error {
	size := int64(len(body))
	if !a.take(size) {
		return overloaded()
	}
	defer a.give(size)
	write(w, "application/json", http.StatusOK, body)
	return nil
}

// write sends a body. That the client has gone away is of no interest here.
func write(w http.ResponseWriter, contentType string, status int, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body))) // else it is sent in chunks
	w.WriteHeader(status)
	_, _ = w.Write(body) //nolint:gosec // never HTML: the type is given, and X-Content-Type-Options is nosniff
}

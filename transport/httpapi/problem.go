package httpapi

import (
	"bytes"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"orderflow/domain/stored"
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
	body, err := stored.Marshal(p)
	if err != nil || len(p.members) == 0 {
		return body, err
	}
	more, err := stored.Marshal(p.members)
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
	body, err := stored.Marshal(v)
	if err != nil {
		return err
	}
	write(w, "application/json", status, append(body, '\n'))
	return nil
}

// write sends a body, as long as its client takes each part in its time. That it does not, or has
// gone away, is of no interest here.
func write(w http.ResponseWriter, contentType string, status int, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body))) // else it is sent in chunks
	w.WriteHeader(status)
	c := http.NewResponseController(w)
	for part := range slices.Chunk(body, answerPart) {
		_ = c.SetWriteDeadline(time.Now().Add(partTimeout)) // a recorder has none
		if _, err := w.Write(part); err != nil {
			return
		}
	}
}

package httpapi

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
)

// bodySize is what the JSON body of a request may have: the announced length, or MaxBody if there
// is none. Errors are *RequestError.
func bodySize(r *http.Request) (int64, error) {
	if err := checkMediaType(r.Header); err != nil {
		return 0, err
	}
	if r.ContentLength > MaxBody {
		return 0, bodyTooLarge()
	}
	if r.ContentLength < 0 {
		return MaxBody, nil
	}
	return r.ContentLength, nil
}

// readBody reads a body of at most MaxBody bytes into room of its own size, if that was
// announced. Errors are *RequestError.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	b, err := readAll(http.MaxBytesReader(w, r.Body, MaxBody), int(max(r.ContentLength, unknownLength)))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, bodyTooLarge()
	case err != nil:
		return nil, &RequestError{Problem: problemIncompleteBody, Detail: incomplete(err)}
	}
	return b, nil
}

// unknownLength is the room in which the reading of a body begins whose length is not known.
const unknownLength = 511

// readAll reads r to its end, in room for size bytes as long as these are enough.
func readAll(r io.Reader, size int) ([]byte, error) {
	b := make([]byte, 0, size+1) // one more, in which the end is met
	for {
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if errors.Is(err, io.EOF) {
			return b, nil
		}
		if err != nil {
			return nil, err
		}
		if len(b) == cap(b) {
			b = append(make([]byte, 0, min(2*cap(b), MaxBody+1)), b...)
		}
	}
}

func incomplete(err error) string {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return "the body ended before its announced length"
	}
	return "the body could not be read to its end"
}

func bodyTooLarge() error {
	return &RequestError{
		Problem: problemBodyTooLarge,
		Detail:  fmt.Sprintf("the body has more than the %d bytes allowed", MaxBody),
		Members: map[string]any{"limit": MaxBody},
		header:  http.Header{"Connection": {"close"}}, // the rest of the body is not read
	}
}

// checkMediaType asks for JSON in UTF-8, as it is.
func checkMediaType(h http.Header) error {
	given := h.Get("Content-Type")
	if given == "" {
		return wrongMediaType("Content-Type is missing: expected application/json")
	}
	mediaType, params, err := mime.ParseMediaType(given)
	if err != nil || mediaType != "application/json" {
		return wrongMediaType(fmt.Sprintf("Content-Type must be application/json, got %s", shorten(given)))
	}
	if charset, named := params["charset"]; named && !strings.EqualFold(charset, "utf-8") {
		return wrongMediaType(fmt.Sprintf("the charset of application/json must be utf-8, got %s", shorten(charset)))
	}
	if coding := h.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return wrongMediaType(fmt.Sprintf("the body must not be compressed, got Content-Encoding %s", shorten(coding)))
	}
	return nil
}

func wrongMediaType(detail string) error {
	return &RequestError{
		Problem: problemMediaType,
		Detail:  detail,
		header:  http.Header{"Accept": {"application/json"}, "Accept-Encoding": {"identity"}},
	}
}

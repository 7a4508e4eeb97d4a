package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
)

// trustedLength is the announced length for which room is made before a byte came.
const trustedLength = 64 << 10

// readBody reads a JSON body of at most MaxBody bytes. Errors are *RequestError.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if err := checkMediaType(r.Header); err != nil {
		return nil, err
	}
	if r.ContentLength > MaxBody {
		return nil, bodyTooLarge()
	}
	var b bytes.Buffer
	b.Grow(int(min(max(r.ContentLength, 0), trustedLength)) + bytes.MinRead)
	_, err := b.ReadFrom(http.MaxBytesReader(w, r.Body, MaxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, bodyTooLarge()
	case err != nil:
		return nil, &RequestError{Problem: problemIncompleteBody, Detail: incomplete(err)}
	}
	return b.Bytes(), nil
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

package httpapi

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"

	"orderflow/domain"
)

// bodySize is what the JSON body of a request may have: the announced length, or MaxBody if there
// is none. Errors are *problem.
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

// firstRoom is the room in which the reading of a body begins, in bytes.
const firstRoom = 4 << 10

// readBody reads a body of at most h.most bytes. The hold grows as the bytes arrive, so that a body
// that is only announced holds firstRoom. If the budget has no room for more, the request gives back
// what it holds and is turned away. Errors are *problem.
func readBody(w http.ResponseWriter, r *http.Request, h *hold) ([]byte, error) {
	body := http.MaxBytesReader(w, r.Body, h.most)
	b, err := readAll(body, h)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.Is(err, errNoRoom):
		h.release()
		return nil, turnAway(r, b != nil)
	case errors.As(err, &tooLarge):
		return nil, bodyTooLarge()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, problemBodyTimeout.because("the body did not arrive in time", nil)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, problemIncompleteBody.because("the body ended before its announced length", nil)
	case err != nil:
		return nil, problemIncompleteBody.because("the body could not be read to its end", nil)
	}
	return b, nil
}

// errNoRoom says that the budget has no room for the rest of a body.
var errNoRoom = errors.New("no room for the body")

// readAll reads r, of at most h.most bytes, to its end. Its room is 4 KiB, 64 KiB or all
// that r may have: each step leaves the one before as garbage, and many bodies come at once.
func readAll(r io.Reader, h *hold) (b []byte, err error) {
	for room := min(h.most, firstRoom); h.grow(room); room = min(16*room, h.most) {
		b = append(make([]byte, 0, room+1), b...) // one more, in which the end is met
		for len(b) < cap(b) {
			n, err := r.Read(b[len(b):cap(b)])
			b = b[:len(b)+n]
			if errors.Is(err, io.EOF) {
				return b, nil
			}
			if err != nil {
				return b, err
			}
		}
	}
	return b, errNoRoom
}

func bodyTooLarge() error {
	return problemBodyTooLarge.because(fmt.Sprintf("the body has more than the %d bytes allowed", MaxBody), members{"limit": MaxBody})
}

// checkMediaType asks for JSON in UTF-8, as it is.
func checkMediaType(h http.Header) error {
	given := h.Get("Content-Type")
	if given == "" {
		return problemMediaType.because("Content-Type is missing: expected application/json", nil)
	}
	mediaType, params, err := mime.ParseMediaType(given)
	if err != nil || mediaType != "application/json" {
		return problemMediaType.because(fmt.Sprintf("Content-Type must be application/json, got %s", domain.Shorten(given)), nil)
	}
	if charset, named := params["charset"]; named && !strings.EqualFold(charset, "utf-8") {
		return problemMediaType.because(fmt.Sprintf("the charset of application/json must be utf-8, got %s", domain.Shorten(charset)), nil)
	}
	if coding := h.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return problemMediaType.because(fmt.Sprintf("the body must not be compressed, got Content-Encoding %s", domain.Shorten(coding)), nil)
	}
	return nil
}

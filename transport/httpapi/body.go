package httpapi

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"sync"

	"orderflow/domain"
)

// bodySize is what the JSON body of a request may have: the announced length, or MaxBody if there
// is none. Errors are *problem.
func bodySize(r *http.Request) (int64, error) {
	if err := checkMediaType(r.Header); err != nil {
		return 0, err
	}
	switch size := r.ContentLength; {
	case size > MaxBody:
		return 0, bodyTooLarge(MaxBody)
	case size < 0:
		return MaxBody, nil
	default:
		return size, nil
	}
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
		return nil, bodyTooLarge(h.most)
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

func bodyTooLarge(limit int64) error {
	return problemBodyTooLarge.because(fmt.Sprintf("the body has more than the %d bytes allowed", limit), members{"limit": limit})
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

const (
	// defaultInHand is how many bytes of bodies, and of answers, a handler holds at once.
	defaultInHand = 64 << 20
	// smallBody is the size up to which bodies may take the last eighth of a budget, so that
	// large ones that come slowly do not keep everybody else out.
	smallBody = 64 << 10
)

// budget bounds the bytes that requests hold at once.
type budget struct {
	most int64

	mu   sync.Mutex
	held int64
}

// hold is what one request has of a budget. It must be released.
type hold struct {
	of   *budget
	most int64 // what it may have in the end
	n    int64
}

// grow makes the hold n bytes, or changes nothing and says no. A hold that may have more than smallBody
// bytes in the end leaves the last eighth of the budget to others. A single hold may take the
// whole budget.
func (h *hold) grow(n int64) bool {
	room := h.of.most
	if h.most > smallBody {
		room -= room / 8
	}
	h.of.mu.Lock()
	defer h.of.mu.Unlock()
	if others := h.of.held - h.n; others > 0 && others+n > room {
		return false
	}
	h.of.held += n - h.n
	h.n = n
	return true
}

func (h *hold) release() {
	h.of.mu.Lock()
	defer h.of.mu.Unlock()
	h.of.held -= h.n
	h.n = 0
}

// overloaded refuses a request for which the budget has no room.
func overloaded() error {
	return problemOverloaded.because("this node has as much in hand as its memory allows; nothing was done, and the request may be repeated", nil)
}

// turnAway refuses a request whose body has not been read, or not to its end. A client that sends
// the body without waiting to be asked for it (Expect: 100-continue) could not read the answer
// before it has sent everything: so the rest is read.
func turnAway(r *http.Request, begun bool) error {
	if begun || r.Header.Get("Expect") == "" {
		_, _ = io.CopyN(io.Discard, r.Body, MaxBody) // one that cannot be read gets the answer sooner
	}
	return overloaded()
}

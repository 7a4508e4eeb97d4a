package httpapi

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"orderflow/domain/stored"
	"orderflow/projections"
)

// answer sends v as JSON. Nothing has been sent if it fails.
func answer(w http.ResponseWriter, status int, v any) error {
	body, err := stored.Marshal(v)
	if err != nil {
		return err
	}
	write(w, "application/json", status, append(body, '\n'))
	return nil
}

// write sends a body, for as long as its client takes each part in its time. Nobody is told of a
// client that does not, or that has gone away.
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

// keptBody is the room of an answer up to which it is used again.
const keptBody = 1 << 20

var bodies = sync.Pool{New: func() any { return new([]byte) }}

// answers bounds the bytes of large answers: while they are read and made, for which requests wait for
// each other, and while they are sent, since a client that reads slowly has its answer held.
type answers struct {
	sending budget
	making  *semaphore.Weighted // half as many: what is being made is held in several forms
}

// What an answer may have while nobody knows how much it will be.
const (
	orderSize = MaxBody
	pageSize  = projections.MaxPageDetails
)

func newAnswers(inHand int64) *answers {
	return &answers{sending: budget{most: inHand}, making: semaphore.NewWeighted(max(inHand/2, pageSize))}
}

// send sends JSON of at most about size bytes, which is made by appending it. Nothing has been
// sent if that fails.
func (a *answers) send(ctx context.Context, w http.ResponseWriter, size int64, appendTo func(b []byte) ([]byte, error)) error {
	room := bodies.Get().(*[]byte)
	defer bodies.Put(room)
	var body []byte
	err := inTurn(ctx, a.making, size, func() (err error) {
		body, err = appendTo((*room)[:0])
		return err
	})
	if err != nil {
		return err
	}
	body = append(body, '\n')
	if cap(body) <= keptBody {
		*room = body
	}
	h := hold{of: &a.sending, most: int64(len(body))}
	if !h.grow(h.most) {
		return overloaded()
	}
	defer h.release()
	write(w, "application/json", http.StatusOK, body) // keeps nothing of it
	return nil
}

// inTurn calls f once n of the turns are free, and holds them meanwhile. It waits until ctx ends.
func inTurn(ctx context.Context, turns *semaphore.Weighted, n int64, f func() error) error {
	if err := turns.Acquire(ctx, n); err != nil {
		return err
	}
	defer turns.Release(n)
	return f()
}

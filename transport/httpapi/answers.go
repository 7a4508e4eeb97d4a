package httpapi

import (
	"context"
	"net/http"
	"sync"

	"golang.org/x/sync/semaphore"

	"orderflow/projections"
)

// keptBody is the room of an answer up to which it is used again.
const keptBody = 1 << 20

var bodies = sync.Pool{New: func() any { return new([]byte) }}

// answers bounds the bytes of answers: while they are read and made, for which requests wait for
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
	body, err := a.make(ctx, size, func() ([]byte, error) { return appendTo((*room)[:0]) })
	if err != nil {
		return err
	}
	body = append(body, '\n')
	if cap(body) <= keptBody {
		*room = body
	}
	held := int64(len(body))
	if !a.sending.take(held) {
		return overloaded()
	}
	defer a.sending.give(held)
	write(w, "application/json", http.StatusOK, body) // keeps nothing of it
	return nil
}

// make calls f in its turn, and waits for that until ctx ends.
func (a *answers) make(ctx context.Context, size int64, f func() ([]byte, error)) ([]byte, error) {
	if err := a.making.Acquire(ctx, size); err != nil {
		return nil, err
	}
	defer a.making.Release(size)
	return f()
}

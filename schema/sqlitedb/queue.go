package sqlitedb

import (
	"context"
	"slices"
	"sync"
)

// Turn says which of those who wait for the connection that writes has it next.
type Turn int

// Turns, the first of them first.
const (
	Urgent Turn = iota
	InTurn
	// Last is for work that grows while it waits, such as an append for all that arrive. It lets
	// mostPassed others go before it.
	Last
	turns
)

const mostPassed = 2

// queue has the transactions of a process follow each other. A caller that finds nobody writing
// begins one; a caller that ends one has the first of those who wait begin.
type queue[T any] struct {
	mu      sync.Mutex
	busy    bool             // somebody has the connection, or was told to take it
	waiting [turns][]chan *T // each is given a transaction that has begun, or nil: begin one
	passed  int              // those who had their turn while the first of Last waited
}

// enter has mine wait, but for nobody if nobody writes.
func (q *queue[T]) enter(t Turn, mine chan *T) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.busy {
		q.waiting[t] = append(q.waiting[t], mine)
		return
	}
	q.busy = true
	mine <- nil
}

// await gives what mine was given. If ctx ends before, mine waits no longer.
func (q *queue[T]) await(ctx context.Context, t Turn, mine chan *T) (*T, error) {
	select {
	case tx := <-mine:
		return tx, nil
	case <-ctx.Done():
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if i := slices.Index(q.waiting[t], mine); i >= 0 {
		q.waiting[t] = slices.Delete(q.waiting[t], i, i+1)
		return nil, ctx.Err()
	}
	return <-mine, nil
}

// giveWay hands a transaction that has begun to the first of those who go before, who may have come
// while it waited for other processes, and queues mine again.
func (q *queue[T]) giveWay(t Turn, mine chan *T, tx *T) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.next(t, tx) {
		q.waiting[t] = slices.Insert(q.waiting[t], 0, mine)
		return true
	}
	if t == Last {
		q.passed = 0
	}
	return false
}

// leave has the next begin.
func (q *queue[T]) leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.busy = q.next(turns, nil)
}

// next gives tx to the first of those whose turn is before a turn.
func (q *queue[T]) next(before Turn, tx *T) bool {
	for t := range before {
		passes := t == InTurn && (before == Last || len(q.waiting[Last]) > 0)
		if len(q.waiting[t]) == 0 || passes && q.passed >= mostPassed {
			continue
		}
		if passes {
			q.passed++
		}
		q.waiting[t][0] <- tx
		q.waiting[t] = slices.Delete(q.waiting[t], 0, 1)
		return true
	}
	return false
}

// length is how many wait.
func (q *queue[T]) length() (n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, waiting := range q.waiting {
		n += len(waiting)
	}
	return n
}

package sqlitedb

import (
	"context"
	"slices"
	"sync"
)

// Turn is the precedence of a transaction among those that wait for the connection that writes.
type Turn int

// Turns, in their precedence.
const (
	Urgent Turn = iota
	InTurn
	// Last is for work that grows while it waits, such as the append of a group. At most mostPassed
	// transactions InTurn go before it.
	Last
	turns
)

const mostPassed = 2

// queue lets the transactions of a process follow each other. A caller that finds the connection free
// begins its transaction; a caller that ends one wakes the first that waits.
type queue[T any] struct {
	mu      sync.Mutex
	busy    bool             // a caller has the connection, or was told to take it
	waiting [turns][]chan *T // each gets a transaction that has begun, or nil: begin one
	passed  int              // transactions InTurn that went before the first of Last
}

// enter queues mine, or wakes it at once if the connection is free.
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

// await waits for mine. If ctx ends first, mine leaves the queue.
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

// giveWay hands a transaction that has begun to a caller that has precedence, and queues mine again. Such
// a caller may have come while the transaction waited for other processes. The answer is false if there
// is none.
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

// leave wakes the next caller.
func (q *queue[T]) leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.busy = q.next(turns, nil)
}

// next gives tx to the first caller whose turn is before a turn, and says whether there was one.
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

// length is how many callers wait.
func (q *queue[T]) length() (n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, waiting := range q.waiting {
		n += len(waiting)
	}
	return n
}

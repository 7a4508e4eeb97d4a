package sqlitedb

import (
	"context"
	"slices"
	"sync"
	"time"

	lib "modernc.org/sqlite/lib"
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

// queue has the transactions of a process follow each other. Who finds nobody writing begins; who
// ends has the first of those who wait begin.
type queue struct {
	mu      sync.Mutex
	busy    bool // somebody has the connection, or was told to take it
	waiting [turns][]chan *WriteTx
	passed  int       // those who had their turn while the first of Last waited
	blocked time.Time // since when another process keeps this one from beginning; zero if none does
}

// Begin begins a transaction. It waits for its turn, and then for other processes, until ctx ends.
// Others wait until the transaction is ended by Commit or Rollback.
func (db *DB) Begin(ctx context.Context, t Turn) (*WriteTx, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	q, mine := &db.queue, make(chan *WriteTx, 1)
	for first := q.enter(t, mine); ; first = false {
		if !first {
			if tx, err := q.await(ctx, t, mine); err != nil || tx != nil {
				return tx, err
			}
		}
		if tx, err := db.tryStart(ctx); err != nil || !q.giveWay(t, mine, tx) {
			return tx, err
		}
	}
}

// enter says whether nobody writes. Otherwise it queues mine.
func (q *queue) enter(t Turn, mine chan *WriteTx) (first bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.busy {
		q.busy = true
		return true
	}
	q.waiting[t] = append(q.waiting[t], mine)
	return false
}

// await gives a transaction that somebody else has begun, or nil if one has to be begun.
func (q *queue) await(ctx context.Context, t Turn, mine chan *WriteTx) (*WriteTx, error) {
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
func (q *queue) giveWay(t Turn, mine chan *WriteTx, tx *WriteTx) bool {
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
func (q *queue) leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.busy = q.next(turns, nil)
}

// next gives tx to the first of those whose turn is before a turn.
func (q *queue) next(before Turn, tx *WriteTx) bool {
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

// tryStart begins a transaction on the file that was opened, and remembers since when that cannot be
// done for other processes.
func (db *DB) tryStart(ctx context.Context) (*WriteTx, error) {
	db.queue.block(time.Now())
	tx, err := db.start(ctx)
	ended := ctx.Err()
	if err == nil || ended == nil && code(err) != lib.SQLITE_BUSY {
		db.queue.block(time.Time{})
	}
	switch {
	case ended != nil:
		err = ended
	case err == nil:
		err = db.file.check()
	}
	switch {
	case err == nil:
		return tx, nil
	case tx == nil:
		db.queue.leave()
	default:
		_ = tx.Rollback() // nothing was done
	}
	return nil, err
}

func (q *queue) block(since time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if since.IsZero() || q.blocked.IsZero() {
		q.blocked = since
	}
}

// Blocked is for how long another process has kept this one from beginning a transaction; 0 if none does.
func (db *DB) Blocked() time.Duration {
	db.queue.mu.Lock()
	defer db.queue.mu.Unlock()
	if db.queue.blocked.IsZero() {
		return 0
	}
	return time.Since(db.queue.blocked)
}

// Waiting is how many wait for their turn.
func (db *DB) Waiting() (n int) {
	db.queue.mu.Lock()
	defer db.queue.mu.Unlock()
	for _, waiting := range db.queue.waiting {
		n += len(waiting)
	}
	return n
}

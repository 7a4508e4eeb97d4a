package schema

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Bounds of a transaction that functions share, so that nobody waits long for its end. Urgent
// functions may always join.
const (
	sharedMost = 32                   // functions
	sharedTime = 5 * time.Millisecond // of functions after the first
)

// writer lets the functions of a process share transactions. It is for a database that has
// one writer at a time: a commit costs as much for one function as for many.
//
// One function at a time has the writing connection; the others wait in the queue. Who finds
// nobody writing begins a transaction, calls its function, and calls in the next of the queue.
// Who finds nobody left, or the transaction full, commits, tells the others, and has
// the next of the queue begin. Each function is called by the goroutine that asked for it, so
// that its panics are its own. The transaction is begun before the queue is looked at: what
// arrives while it waits for other processes still joins.
type writer struct {
	db    *DB
	guard *guard
	time  time.Duration // sharedTime

	mu     sync.Mutex
	busy   bool // somebody has the connection, or was told to take it
	urgent []*member
	queue  []*member
}

// member is a function that waits for its turn, and then for the end of its transaction.
type member struct {
	asked   time.Time
	turn    chan *shared // the transaction to join; nil: begin one
	outcome chan error
}

// inTx calls f in a transaction that it may share, and tells what became of it.
func (w *writer) inTx(ctx context.Context, urgent bool, f func(*Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m := &member{asked: time.Now()}
	s, err := w.await(ctx, m, urgent)
	if err != nil {
		return err
	}
	if s == nil {
		if s, err = w.begin(ctx, m); err != nil {
			w.handOver()
			return err
		}
	}
	return s.call(m, f)
}

// await gives the transaction to join, or nil if one has to be begun. A context that ends
// before its turn has come withdraws m.
func (w *writer) await(ctx context.Context, m *member, urgent bool) (*shared, error) {
	if w.enter(m, urgent) {
		return nil, nil
	}
	select {
	case s := <-m.turn:
		return s, nil
	case <-ctx.Done():
		if w.withdraw(m) {
			return nil, ctx.Err()
		}
		return <-m.turn, nil
	}
}

// enter makes m the one that writes, or else queues it.
func (w *writer) enter(m *member, urgent bool) (first bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.busy {
		w.busy = true
		return true
	}
	m.turn = make(chan *shared, 1)
	if urgent {
		w.urgent = append(w.urgent, m)
	} else {
		w.queue = append(w.queue, m)
	}
	return false
}

func (w *writer) withdraw(m *member) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, queue := range []*[]*member{&w.urgent, &w.queue} {
		if i := slices.Index(*queue, m); i >= 0 {
			*queue = slices.Delete(*queue, i, i+1)
			return true
		}
	}
	return false
}

// empty says whether nobody waits.
func (w *writer) empty() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.urgent)+len(w.queue) == 0
}

// callIn has the next of the queue join s, if s has room.
func (w *writer) callIn(s *shared) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.urgent) == 0 && s.full() {
		return false
	}
	return w.next(s)
}

// handOver has the next of the queue begin a transaction.
func (w *writer) handOver() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy = w.next(nil)
}

func (w *writer) next(s *shared) bool {
	queue := &w.urgent
	if len(*queue) == 0 {
		queue = &w.queue
	}
	if len(*queue) == 0 {
		return false
	}
	(*queue)[0].turn <- s
	(*queue)[0] = nil
	*queue = (*queue)[1:]
	return true
}

// begin begins a transaction for m. It waits for other processes until ctx ends. Once it has
// begun, no member's context can end the transaction of the others.
func (w *writer) begin(ctx context.Context, m *member) (*shared, error) {
	w.db.transactions.Add(1)
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	heed := context.AfterFunc(ctx, cancel)
	tx, err := w.db.write.BeginTx(own, nil)
	begun := time.Now()
	w.db.waited.Add(int64(begun.Sub(m.asked)))
	if !heed() { // ctx has ended
		if err == nil {
			_ = tx.Rollback() // nothing was done, and the connection goes if this fails
		}
		err = ctx.Err()
	}
	if err != nil {
		cancel()
		return nil, w.db.dialect.translate(err)
	}
	return &shared{w: w, tx: tx, cancel: cancel, begun: begun}, nil
}

package schema

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of a transaction that functions share, so that nobody waits long for its end. Those
// that are urgent or last may always join.
const (
	sharedMost = 32                   // functions
	sharedTime = 5 * time.Millisecond // of functions after the first
)

// order says which of those who wait is called first.
type order int

const (
	urgent order = iota // first
	inTurn
	last // and the transaction ends with it
	orders
)

// writer lets the functions of a process share transactions. It is for a database that has
// one writer at a time: a commit costs as much for one function as for many.
//
// One function at a time has the writing connection; the others wait. Who finds nobody
// writing begins a transaction, calls its function, and calls in the next. Who finds nobody
// left, or the transaction full, commits, tells the others, and has the next begin. Each
// function is called by the goroutine that asked for it, so that its panics are its own. The
// transaction is begun before the queues are looked at: what arrives while it waits for
// other processes still joins.
type writer struct {
	db    *DB
	guard *guard
	time  time.Duration // sharedTime
	// blocked is since when no transaction could be begun because of another process, in
	// nanoseconds since 1970; 0 if none is waited for.
	blocked atomic.Int64

	mu     sync.Mutex
	busy   bool // somebody has the connection, or was told to take it
	queues [orders][]*member
}

// member is a function that waits for its turn, and then for the end of its transaction.
type member struct {
	order   order
	asked   time.Time
	turn    chan *shared // the transaction to join; nil: begin one
	outcome chan error
}

// members are those that were told what became of them: nothing is in their channels.
var members = sync.Pool{New: func() any {
	return &member{turn: make(chan *shared, 1), outcome: make(chan error, 1)}
}}

// inTx calls f in a transaction that it may share, and tells what became of it.
func (w *writer) inTx(ctx context.Context, o order, f func(*Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m := members.Get().(*member)
	m.order, m.asked = o, time.Now()
	err := w.join(ctx, m, f)
	members.Put(m) // not after a panic
	return err
}

func (w *writer) join(ctx context.Context, m *member, f func(*Tx) error) error {
	first := w.enter(m)
	for {
		var s *shared
		var err error
		if !first {
			if s, err = w.await(ctx, m); err != nil {
				return err
			}
		}
		if s != nil {
			return s.call(m, f)
		}
		if s, err = w.begin(ctx, m); err != nil {
			w.handOver()
			return err
		}
		if !w.giveWay(m, s) {
			return s.call(m, f)
		}
		first = false
	}
}

// await gives the transaction to join, or nil if one has to be begun. A context that ends
// before its turn has come withdraws m.
func (w *writer) await(ctx context.Context, m *member) (*shared, error) {
	select {
	case s := <-m.turn:
		return s, nil
	case <-ctx.Done():
		if w.withdraw(m) {
			return nil, w.late(ctx.Err())
		}
		return <-m.turn, nil
	}
}

// enter makes m the one that writes, or else queues it.
func (w *writer) enter(m *member) (first bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.busy {
		w.busy = true
		return true
	}
	w.queues[m.order] = append(w.queues[m.order], m)
	return false
}

// giveWay has those that go before m join the transaction that m has begun, and queues m.
func (w *writer) giveWay(m *member, s *shared) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if m.order != last || len(w.queues[urgent])+len(w.queues[inTurn]) == 0 {
		return false
	}
	w.queues[last] = slices.Insert(w.queues[last], 0, m)
	return w.next(s)
}

func (w *writer) withdraw(m *member) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	queue := &w.queues[m.order]
	if i := slices.Index(*queue, m); i >= 0 {
		*queue = slices.Delete(*queue, i, i+1)
		return true
	}
	return false
}

// empty says whether nobody waits.
func (w *writer) empty() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, queue := range w.queues {
		if len(queue) > 0 {
			return false
		}
	}
	return true
}

// callIn has the next join s, if s has room for it.
func (w *writer) callIn(s *shared) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.next(s)
}

// handOver has the next begin a transaction, and says whether there is one.
func (w *writer) handOver() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy = w.next(nil)
	return w.busy
}

func (w *writer) next(s *shared) bool {
	for o := range orders {
		queue := &w.queues[o]
		if len(*queue) == 0 || s != nil && o == inTurn && s.full() {
			continue
		}
		(*queue)[0].turn <- s
		*queue = slices.Delete(*queue, 0, 1)
		return true
	}
	return false
}

// begin begins a transaction for m. It waits for other processes until ctx ends.
func (w *writer) begin(ctx context.Context, m *member) (*shared, error) {
	w.db.transactions.Add(1)
	tx, err := w.hold(ctx)
	begun := time.Now()
	w.db.waited.Add(int64(begun.Sub(m.asked)))
	if err != nil {
		return nil, err
	}
	return &shared{w: w, tx: tx, begun: begun}, nil
}

// hold takes the connection and begins a transaction on it, and remembers since when that
// cannot be done for other processes.
func (w *writer) hold(ctx context.Context) (*held, error) {
	w.blocked.CompareAndSwap(0, time.Now().UnixNano())
	tx, err := hold(ctx, w.db.write)
	err, ended := w.db.dialect.translate(err), ctx.Err()
	if err == nil || ended == nil && !errors.Is(err, ErrLocked) {
		w.blocked.Store(0)
	}
	switch {
	case err != nil && ended != nil:
		return nil, w.late(ended)
	case err != nil:
		return nil, err
	case ended != nil:
		err = ended
	default:
		err = w.db.file.check()
	}
	if err != nil {
		_ = tx.Rollback() // nothing was done
		return nil, err
	}
	return tx, nil
}

// late is the error of a function whose context has ended before it was called.
func (w *writer) late(ended error) error {
	if blocked := w.db.Blocked(); blocked != nil {
		return fmt.Errorf("%w: %w", blocked, ended)
	}
	return ended
}

// blockedAfter is how long another process may write before it is said to keep this one from
// writing.
const blockedAfter = time.Second

// Blocked is an ErrLocked, which says for how long, while transactions of this process wait
// for another process to end its own. It is nil otherwise, and where transactions run side by side.
func (db *DB) Blocked() error {
	if db.writer == nil {
		return nil
	}
	since := db.writer.blocked.Load()
	if since == 0 {
		return nil
	}
	if waited := time.Since(time.Unix(0, since)); waited >= blockedAfter {
		return fmt.Errorf("%w (for %s)", ErrLocked, waited.Round(100*time.Millisecond))
	}
	return nil
}

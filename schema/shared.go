package schema

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"
)

var (
	// errShared is why a function that did nothing wrong is called again.
	errShared = fmt.Errorf("%w: another function ended the transaction they shared", ErrTransient)
	// errPanicked stands for the error of a function that never returned.
	errPanicked = errors.New("the function panicked")
)

// shared is a transaction of one function or more, each called by the goroutine that asked
// for it. It belongs to the one whose turn it is.
type shared struct {
	w       *writer
	tx      *held
	begun   time.Time
	opened  time.Time // to others, when the first function was done
	called  int
	ending  bool      // the last ones are being called
	members []*member // whose functions are done, or have failed; they wait for the commit
}

// full says whether no other function should join in its turn.
func (s *shared) full() bool {
	return s.called > 0 && (s.called >= sharedMost || s.ending || time.Since(s.opened) >= s.w.time)
}

// call calls f and passes the transaction on, or ends it. It returns when it is certain what
// became of f.
func (s *shared) call(m *member, f func(*Tx) error) error {
	// Alone, no savepoint is needed: if f fails, the whole transaction is rolled back.
	alone := s.called == 0 && s.w.empty()
	s.called++
	s.ending = s.ending || m.order == last
	if !alone {
		if err := s.exec("SAVEPOINT one"); err != nil {
			return s.giveUp(err)
		}
	}
	returned := false
	defer func() {
		if !returned { // it panicked, or ended its goroutine, which goes on after this
			_ = s.settle(m, alone, errPanicked)
		}
	}()
	err := f(&Tx{tx: s.tx, db: s.w.db})
	returned = true
	return s.settle(m, alone, err)
}

// settle keeps what m's function did, or takes it back if it failed with err.
func (s *shared) settle(m *member, alone bool, err error) error {
	if broken := s.w.guard.broken; broken != nil {
		if err == nil { // it did not heed the error
			err = s.w.db.dialect.translate(broken)
		}
		return s.giveUp(err)
	}
	switch {
	case err != nil && alone:
		return s.giveUp(err)
	case err != nil:
		if rerr := errors.Join(s.exec("ROLLBACK TO one"), s.exec("RELEASE one")); rerr != nil {
			return s.giveUp(fmt.Errorf("%w (and the rollback: %w)", err, rerr))
		}
	case !alone:
		if rerr := s.exec("RELEASE one"); rerr != nil {
			return s.giveUp(rerr)
		}
	}
	s.members = append(s.members, m)
	if s.called == 1 {
		s.opened = time.Now()
	}
	if !s.w.callIn(s) {
		s.commit()
	}
	outcome := <-m.outcome
	switch {
	case err == nil:
		return outcome
	case outcome != nil: // it failed for what it saw, and that was not committed
		return fmt.Errorf("%w, after a function had failed: %s", errShared, err.Error())
	}
	return err
}

func (s *shared) exec(statement string) error {
	_, err := s.tx.ExecContext(context.Background(), statement)
	return s.w.db.dialect.translate(err)
}

// commit commits and tells the members. Nobody is told that a commit took place that went to
// a file which is no longer the database: the path is looked at after it.
func (s *shared) commit() {
	err := s.w.db.dialect.translate(s.tx.Commit())
	if err == nil {
		err = s.w.db.file.check()
	}
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrCommit, err)
	}
	s.end(err)
}

// giveUp rolls the transaction back for the failure of the function whose turn it is, and has the
// members' functions called again.
func (s *shared) giveUp(err error) error {
	// The database may have rolled back already.
	if rerr := s.tx.Rollback(); rerr != nil && s.w.guard.broken == nil {
		err = fmt.Errorf("%w (and the rollback: %w)", err, rerr)
	}
	s.end(fmt.Errorf("%w: %w", errShared, err))
	return err
}

// end tells the members and lets the next transaction begin.
func (s *shared) end(outcome error) {
	s.w.db.held.Add(int64(time.Since(s.begun)))
	for _, m := range s.members {
		m.outcome <- outcome
	}
	if s.w.handOver() {
		// The next has the processor now: nobody writes until it begins.
		runtime.Gosched()
	}
}

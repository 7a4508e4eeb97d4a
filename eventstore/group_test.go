package eventstore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/schema"
)

// laneFixture is a store on SQLite whose groups are counted, and whose database can be held.
type laneFixture struct {
	*Store
	t      *testing.T
	groups []int64 // the head after each
	wg     sync.WaitGroup
	// answered counts the appends that were placed and are over.
	answered atomic.Int64
}

func newLane(t *testing.T, size int) *laneFixture {
	t.Helper()
	return newLaneOf(t, Config{GroupSize: size})
}

func newLaneOf(t *testing.T, o Config) *laneFixture {
	t.Helper()
	db, err := schema.Open(t.Context(), filepath.Join(t.TempDir(), "test.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), db, o)
	if err != nil {
		t.Fatal(err)
	}
	f := &laneFixture{Store: s, t: t}
	s.OnCommit(func(_ int, head int64) { f.groups = append(f.groups, head) })
	return f
}

// hold lets no transaction begin until release is called.
func (f *laneFixture) hold() (release func()) {
	f.t.Helper()
	inside, leave := make(chan struct{}), make(chan struct{})
	f.wg.Go(func() {
		err := f.db.InTx(context.Background(), func(*schema.Tx) error { close(inside); <-leave; return nil })
		if err != nil {
			f.t.Error(err)
		}
	})
	<-inside
	return sync.OnceFunc(func() { close(leave) })
}

// place appends order n in the background, and returns once it is in the queue; order 0, once a
// group has it.
func (f *laneFixture) place(ctx context.Context, n byte, want error, also func(context.Context, *schema.Tx) error) {
	f.t.Helper()
	a := work.Unit{OrderID: domain.OrderID{1, 15: n}, Events: []domain.Event{domain.OrderPlaced{TrackingID: fmt.Sprint(n)}}}
	before := f.Queued(0)
	f.wg.Go(func() {
		if _, err := f.AppendWith(ctx, a, also); !errors.Is(err, want) || (want == nil) != (err == nil) {
			f.t.Errorf("append %d: err = %v, want %v", n, err, want)
		}
		f.answered.Add(1)
	})
	l := &f.lanes[0]
	f.until(func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		if n == 0 {
			return l.busy && len(l.queue) == 0
		}
		return len(l.queue) > before
	})
}

func (f *laneFixture) until(ok func() bool) {
	f.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(100 * time.Microsecond) {
		if time.Now().After(deadline) {
			f.t.Fatal("not within 30 s")
		}
	}
}

// ended waits for all, and fails the test unless the heads after the groups were these.
func (f *laneFixture) ended(heads ...int64) {
	f.t.Helper()
	f.wg.Wait()
	if fmt.Sprint(f.groups) != fmt.Sprint(heads) {
		f.t.Errorf("heads after the groups: %v, want %v", f.groups, heads)
	}
}

// TestStore_Append_lateGroup: what arrives while a group waits for its transaction belongs to
// it, up to its size.
func TestStore_Append_lateGroup(t *testing.T) {
	for size, heads := range map[int][]int64{256: {10}, 4: {4, 8, 10}} {
		f := newLane(t, size)
		release := f.hold()
		for n := range byte(10) {
			f.place(t.Context(), n, nil, nil)
		}
		release()
		f.ended(heads...)
	}
}

// TestStore_Append_groupBytes: a group takes no more bytes than it may, counting those it had
// before its transaction began; an append that has more by itself goes alone.
func TestStore_Append_groupBytes(t *testing.T) {
	event := len(`{"tracking_id":"0"}`) + len(`{"schema":1}`)
	for bytes, heads := range map[int][]int64{
		10 * event:  {10},
		4*event + 1: {4, 8, 10},
		event - 1:   {1, 2, 3, 4, 5, 6, 7, 8, 9, 10},
	} {
		f := newLaneOf(t, Config{GroupBytes: bytes})
		release := f.hold()
		for n := range byte(10) {
			f.place(t.Context(), n, nil, nil)
		}
		release()
		f.ended(heads...)
	}
}

// TestStore_Append_lateWithdraw: until the transaction has begun, appends can be withdrawn: what
// came after the group was made, and what the group had. Its transaction has the others.
func TestStore_Append_lateWithdraw(t *testing.T) {
	f := newLane(t, 256)
	release := f.hold()
	ctx, cancel := context.WithCancel(t.Context())
	f.place(ctx, 0, domain.ErrUnavailable, nil)
	f.place(t.Context(), 1, nil, nil)
	f.place(ctx, 2, domain.ErrUnavailable, nil)
	cancel()
	f.until(func() bool { return f.answered.Load() == 2 })
	release()
	f.ended(1)
}

// TestStore_Append_allWithdrawn: who waits for a database that is locked need not wait for it to
// be free to be told so, and nothing is appended afterwards.
func TestStore_Append_allWithdrawn(t *testing.T) {
	f := newLane(t, 256)
	release := f.hold()
	defer release()
	ctx, cancel := context.WithCancel(t.Context())
	answered := make(chan error, 1)
	go func() {
		_, err := f.Append(ctx, work.Unit{OrderID: domain.OrderID{1}, Events: []domain.Event{domain.OrderPlaced{}}})
		answered <- err
	}()
	l := &f.lanes[0]
	f.until(func() bool { l.mu.Lock(); defer l.mu.Unlock(); return l.busy && len(l.queue) == 0 })
	cancel()
	if err := <-answered; !errors.Is(err, domain.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("err %v, want ErrUnavailable", err)
	}
	release()
	if _, err := f.Append(t.Context(), work.Unit{OrderID: domain.OrderID{2}, Events: []domain.Event{domain.OrderPlaced{}}}); err != nil {
		t.Error(err)
	}
	f.wg.Wait()
	heads, err := f.Heads(t.Context())
	if err != nil || heads[0] != 1 {
		t.Errorf("heads %v, err %v; want the one append that was not withdrawn", heads, err)
	}
}

// TestStore_Append_withdrawnMeanwhile has appends withdrawn while their group begins. It is for the race detector: who
// withdraws and who commits share nothing but what the lane's lock guards.
func TestStore_Append_withdrawnMeanwhile(t *testing.T) {
	f := newLane(t, 256)
	l := &f.lanes[0]
	for n := range 20 {
		release := f.hold()
		ctx, cancel := context.WithCancel(t.Context())
		f.wg.Go(func() {
			_, _ = f.Append(ctx, work.Unit{OrderID: domain.OrderID{1, byte(n)}, Events: []domain.Event{domain.OrderPlaced{}}}) // either way is right
		})
		f.until(func() bool { l.mu.Lock(); defer l.mu.Unlock(); return l.busy && len(l.queue) == 0 })
		cancel()
		release()
		if _, err := f.Append(t.Context(), work.Unit{OrderID: domain.OrderID{2, byte(n)}, Events: []domain.Event{domain.OrderPlaced{}}}); err != nil {
			t.Error(err)
		}
	}
	f.wg.Wait()
}

// TestStore_Append_groupAgain: a group whose transaction was given up keeps its appends, and
// takes more.
func TestStore_Append_groupAgain(t *testing.T) {
	f := newLane(t, 256)
	release := f.hold()
	called, inside, leave := 0, make(chan struct{}), make(chan struct{})
	f.place(t.Context(), 0, nil, func(context.Context, *schema.Tx) error {
		if called++; called > 1 {
			return nil
		}
		close(inside)
		<-leave
		return fmt.Errorf("%w: try again", schema.ErrTransient)
	})
	f.place(t.Context(), 1, nil, nil)
	release()
	<-inside
	if n := f.Queued(0); n != 0 {
		t.Errorf("%d appends wait for the next group, want none", n)
	}
	f.place(t.Context(), 2, nil, nil)
	close(leave)
	f.ended(3)
}

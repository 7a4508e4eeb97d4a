package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/eventstore"
	"orderflow/schema"
)

func testAppend(t *testing.T, open func(testing.TB) *schema.DB) {
	f := newFixture(t, open(t))
	id := order(1)
	first, err := f.Append(t.Context(), placed(id))
	must(t, err)
	second, err := f.Append(t.Context(), work.Unit{OrderID: id, Expected: 1, Events: []domain.Event{
		domain.StepStarted{Step: domain.Scheduling, Attempt: 1, Node: "n"}, domain.StepCompleted{Step: domain.Scheduling, Attempt: 1, Node: "n"},
	}, Metadata: domain.Metadata{Actor: "worker", Node: "n", Attempt: 1, CorrelationID: "c", CausationID: "e", TraceParent: "tp"}})
	must(t, err)
	loaded, err := f.Load(t.Context(), id)
	must(t, err)
	same(t, append(first.Events, second.Events...), loaded)
	version, err := f.Version(t.Context(), id)
	if must(t, err); version != 3 {
		t.Fatalf("version %d, want 3", version)
	}

	t.Run("unknown order", func(t *testing.T) {
		version, err := f.Version(t.Context(), order(99))
		if must(t, err); version != 0 {
			t.Fatalf("version %d, want 0", version)
		}
	})
	t.Run("invalid", func(t *testing.T) {
		for name, a := range map[string]work.Unit{
			"too many events": {OrderID: id, Expected: 3, Events: make([]domain.Event, eventstore.MaxEvents+1)},
			"not UTF-8":       {OrderID: id, Expected: 3, Events: []domain.Event{domain.OrderPlaced{Detail: []byte("\"\xff\"")}}},
			"too large":       {OrderID: id, Expected: 3, Events: []domain.Event{domain.OrderPlaced{Detail: largeJSON(eventstore.MaxEventBytes)}}},
		} {
			_, err := f.Append(t.Context(), a)
			if !errors.Is(err, domain.ErrInvalid) {
				t.Errorf("%s: err = %v, want ErrInvalid", name, err)
			}
		}
	})
	t.Run("context ended before", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := f.Append(ctx, started(id, 3, 2))
		version, verr := f.Version(t.Context(), id)
		must(t, verr)
		// Either it was withdrawn, or it had been taken up; the answer must be true.
		if (err == nil) != (version == 4) {
			t.Fatalf("err = %v and the version is %d", err, version)
		}
	})
}

func testConflict(t *testing.T, open func(testing.TB) *schema.DB) {
	const writers, versions = 20, 5
	db := open(t)
	stores := []*fixture{newFixture(t, db), newFixture(t, db), newFixture(t, db)} // three nodes
	id := order(2)
	_, err := stores[0].Append(t.Context(), placed(id))
	must(t, err)
	for version := 1; version <= versions; version++ {
		var won, conflicts atomic.Int32
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				_, err := stores[w%len(stores)].Append(t.Context(), started(id, version, version))
				switch {
				case err == nil:
					won.Add(1)
				case errors.Is(err, domain.ErrConflict):
					conflicts.Add(1)
				default:
					t.Errorf("writer %d: %v", w, err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 || conflicts.Load() != writers-1 {
			t.Fatalf("version %d: %d won and %d conflicted, want 1 and %d", version, won.Load(), conflicts.Load(), writers-1)
		}
	}
	noHoles(t, stores[0])
}

func testAtomicity(t *testing.T, open func(testing.TB) *schema.DB) {
	f := newFixture(t, open(t))
	id := order(3)
	f.outbox.err = errors.New("the outbox fails")
	_, err := f.Append(t.Context(), placed(id))
	want(t, err, f.outbox.err)
	_, err = f.Load(t.Context(), id)
	want(t, err, domain.ErrNotFound)
	if n := f.count(t, `SELECT COUNT(*) FROM outbox`); n != 0 {
		t.Fatalf("%d messages were kept of an append that failed", n)
	}
	f.outbox.err = nil
	done, err := f.Append(t.Context(), placed(id))
	must(t, err)
	if n := f.count(t, `SELECT COUNT(*) FROM outbox WHERE partition = ?1 AND position = ?2`, done.Events[0].Partition, done.Events[0].Position); n != 1 {
		t.Fatalf("%d messages at the place of the event, want 1", n)
	}
	if done.Events[0].Position != 1 {
		t.Fatalf("the failed append left a hole: position %d", done.Events[0].Position)
	}
	if len(f.outbox.committed) != 1 || f.outbox.committed[0] != "scheduling" {
		t.Fatalf("committed topics %v, want [scheduling]", f.outbox.committed)
	}
}

// testGroup holds a first append open, so that the others have to share the second
// transaction, with bad ones among them.
func testGroup(t *testing.T, open func(testing.TB) *schema.DB) {
	t.Run("good", func(t *testing.T) { testGroupOf(t, open, false) })
	t.Run("with a bad one", func(t *testing.T) { testGroupOf(t, open, true) })
}

func testGroupOf(t *testing.T, open func(testing.TB) *schema.DB, poison bool) {
	f := newFixture(t, open(t))
	partition := f.Partition(order(4))
	inside, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	f.outbox.inside = func(topic string) error {
		once.Do(func() { close(inside); <-release })
		if topic == "poison" {
			return errors.New("this message cannot be written")
		}
		return nil
	}
	var wg sync.WaitGroup
	results := make([]error, 30)
	wg.Go(func() { _, results[0] = f.Append(t.Context(), placed(order(4))) })
	select {
	case <-inside:
	case <-time.After(10 * time.Second):
		t.Fatal("the first append did not get to its messages")
	}
	before := f.db.Stats().Transactions
	next := 5
	for i := 1; i < len(results); i++ {
		a := placed(orderIn(f.Store, partition, next))
		next = int(a.OrderID[14])<<8 + int(a.OrderID[15]) + 1
		switch {
		case i%10 == 3:
			a.Expected = 1 // a conflict
		case i == 15 && poison:
			a.Messages[0].Topic = "poison"
		}
		wg.Go(func() { _, results[i] = f.Append(t.Context(), a) })
	}
	f.awaitQueue(t, partition, len(results)-1)
	close(release)
	wg.Wait()
	checkGroup(t, results, poison)
	if n := f.db.Stats().Transactions - before; !poison && n != 1 {
		t.Errorf("%d appends that arrived together took %d transactions, want 1", len(results)-1, n)
	}
	noHoles(t, f)
}

// checkGroup: the conflicts and the poisoned append failed, and no other.
func checkGroup(t *testing.T, results []error, poison bool) {
	t.Helper()
	for i, err := range results {
		switch {
		case i%10 == 3:
			if !errors.Is(err, domain.ErrConflict) {
				t.Errorf("append %d: err = %v, want ErrConflict", i, err)
			}
		case i == 15 && poison:
			if err == nil {
				t.Errorf("append %d did not fail", i)
			}
		case err != nil:
			t.Errorf("append %d failed with another: %v", i, err)
		}
	}
}

func testLeases(t *testing.T, open func(testing.TB) *schema.DB) {
	f := newFixture(t, open(t))
	id := order(5)
	_, err := f.Append(t.Context(), placed(id))
	must(t, err)
	f.leases.lost[7] = true
	lost, held, done := work.Lease{Position: 7}, work.Lease{Position: 8}, work.Lease{Position: 9}
	under := func(u work.Unit, l work.Lease, s work.Settlement) work.Unit {
		u.Lease, u.Settle = l, s
		return u
	}
	_, err = tryAppend(t, f, under(started(id, 1, 1), lost, work.SettleDone))
	want(t, err, domain.ErrFenced)
	kept, err := tryAppend(t, f, under(started(id, 1, 1), held, work.SettleKeep))
	if must(t, err); kept.Next != nil {
		t.Errorf("under a lease that was kept comes %+v", kept.Next)
	}
	_, err = tryAppend(t, f, under(started(id, 1, 2), done, work.SettleDone))
	want(t, err, domain.ErrConflict)
	if f.count(t, `SELECT COUNT(*) FROM consumer_offsets WHERE partition = 9`) != 0 {
		t.Error("an append that conflicted kept the settlement of its lease")
	}
	over, err := tryAppend(t, f, under(started(id, 2, 2), done, work.SettleDone))
	if must(t, err); over.Next != nil {
		t.Errorf("under a lease that is done comes %+v", over.Next)
	}
	testPass(t, f)
	alone, err := tryAppend(t, f, work.Unit{OrderID: id, Lease: work.Lease{Position: 10}, Settle: work.SettleReturn})
	if must(t, err); len(alone.Events) != 0 || alone.Next != nil {
		t.Errorf("a unit without events came to %+v", alone)
	}
	if n := f.count(t, `SELECT COUNT(*) FROM consumer_offsets WHERE consumer_group = 'settled'`); n != 5 {
		t.Errorf("%d leases were settled, want 5", n)
	}
	noHoles(t, f)
}

// testPass passes a lease on to the message of a unit.
func testPass(t *testing.T, f *fixture) {
	t.Helper()
	u := placed(order(6))
	u.Lease = work.Lease{
		Row: work.Row{Group: "g", FirstTopic: "f", FirstPosition: 5}, Topic: "t", Position: 11,
		Registration: work.Registration{Node: "n", Epoch: 3}, Attempt: 2, Interruptions: 1, From: work.Owner{Node: "m"},
	}
	u.Settle = work.SettlePass
	done, err := tryAppend(t, f, u)
	must(t, err)
	at := done.Events[0]
	next := work.Lease{Row: u.Lease.Row, Topic: "scheduling", Position: at.Position, Registration: u.Lease.Registration, Attempt: 1}
	if done.Next == nil || done.Next.Lease != next || done.Next.Message.UUID != u.Messages[0].UUID {
		t.Errorf("the lease was passed on as %+v, want %+v", done.Next, next)
	}
	if f.count(t, `SELECT COUNT(*) FROM outbox WHERE position = ?1 AND partition = ?2`, at.Position, at.Partition) != 0 ||
		f.count(t, `SELECT COUNT(*) FROM consumer_offsets WHERE consumer_group = 'settled' AND topic = 'scheduling' AND position = ?1`, at.Position) != 1 {
		t.Error("the message went through the outbox, or did not take the place of the lease")
	}
	testStart(t, f)
	testPassLost(t, f)
	nothing := started(order(6), 1, 1) // there is no message to pass it on to
	nothing.Lease, nothing.Settle = work.Lease{Position: 12}, work.SettlePass
	_, err = tryAppend(t, f, nothing)
	want(t, err, domain.ErrInvalid)
}

// testPassLost: a lease is found to be lost when it is to be passed on, and not before.
func testPassLost(t *testing.T, f *fixture) {
	t.Helper()
	f.leases.lost[-99] = true
	u := placed(order(15))
	u.Lease, u.Settle = work.Lease{Position: 99}, work.SettlePass
	done, err := tryAppend(t, f, u)
	want(t, err, domain.ErrFenced)
	if v, err := f.Version(t.Context(), order(15)); v != 0 || err != nil || done.Next != nil {
		t.Errorf("under a lease that was lost as it was passed on %d events were stored (%v), and it was passed on as %+v", v, err, done.Next)
	}
}

// testStart starts a lease with a new order's message, and the order beside it.
func testStart(t *testing.T, f *fixture) {
	t.Helper()
	u, err := placed(order(14)).Then(domain.Metadata{Actor: "worker"}, domain.StartStep{Step: domain.Scheduling, Attempt: 1, Node: "n"})
	must(t, err)
	u.Lease = work.Lease{Row: work.Row{Group: "g"}, Topic: "scheduling", Position: 13, Registration: work.Registration{Node: "n", Epoch: 3}, Attempt: 1}
	u.Settle = work.SettleStart
	done, err := tryAppend(t, f, u)
	must(t, err)
	at := done.Events[0]
	next := work.Lease{
		Row:   work.Row{Group: "g", FirstTopic: "scheduling", Partition: at.Partition, FirstPosition: at.Position},
		Topic: "scheduling", Position: at.Position, Registration: u.Lease.Registration, Attempt: 1,
	}
	if done.Next == nil || done.Next.Lease != next || done.Next.Message.UUID != u.Messages[0].UUID {
		t.Errorf("the lease that was started is %+v, want %+v", done.Next, next)
	}
	if f.count(t, `SELECT COUNT(*) FROM outbox WHERE position = ?1 AND partition = ?2`, at.Position, at.Partition) != 0 ||
		f.count(t, `SELECT COUNT(*) FROM consumer_offsets WHERE consumer_group = 'settled' AND topic = 'started' AND position = ?1`, at.Position) != 1 {
		t.Error("the message went through the outbox, or its lease was not started")
	}
	stored, err := f.Load(t.Context(), order(14))
	must(t, err)
	if len(stored) != 2 || stored[0].Metadata.Actor == "worker" || stored[1].Metadata.Actor != "worker" || stored[1].Metadata.Schema != 1 {
		t.Errorf("stored %+v", stored)
	}
	late := placed(order(15))
	late.Lease, late.Settle = work.Lease{Position: 66}, work.SettleStart
	f.leases.lost[66] = true
	_, err = tryAppend(t, f, late)
	want(t, err, domain.ErrFenced)
}

func testReservations(t *testing.T, open func(testing.TB) *schema.DB) {
	const racers = 12
	db := open(t)
	stores := []*fixture{newFixture(t, db), newFixture(t, db)}
	reserving := func(n int, fingerprint byte, keys ...string) work.Unit {
		a := placed(order(n))
		for _, k := range keys {
			a.Reservations = append(a.Reservations, work.Reservation{Key: k, Fingerprint: [32]byte{fingerprint}})
		}
		return a
	}
	var won atomic.Int32
	var wg sync.WaitGroup
	for i := range racers {
		wg.Go(func() {
			_, err := stores[i%2].Append(t.Context(), reserving(100+i, 1, "key", fmt.Sprint("own", i)))
			var dup *domain.DuplicateError
			switch {
			case err == nil:
				won.Add(1)
			case !errors.As(err, &dup) || !dup.Same || dup.Key != "key":
				t.Errorf("racer %d: err = %v, want a duplicate of the same content", i, err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Fatalf("%d orders got the same key, want 1", won.Load())
	}
	_, err := stores[0].Append(t.Context(), reserving(200, 2, "key"))
	var dup *domain.DuplicateError
	if !errors.As(err, &dup) || dup.Same {
		t.Fatalf("err = %v, want a duplicate of other content", err)
	}
	for n, key := range []string{"KEY", "key ", "kéy"} {
		_, err := stores[0].Append(t.Context(), reserving(300+n, 2, key))
		must(t, err)
	}
	if n := stores[0].count(t, `SELECT COUNT(*) FROM reservations`); n != 5 {
		t.Fatalf("%d keys are reserved, want 5: those of a refused order must not be", n)
	}
	noHoles(t, stores[0])
}

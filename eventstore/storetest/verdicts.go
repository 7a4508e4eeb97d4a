package storetest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/schema"
)

// reasons are why the transaction of a group is done again, as the outbox can bring them about.
var reasons = map[string]error{
	"the database gave it up":     schema.ErrTransient,
	"the connection broke":        schema.ErrBroken,
	"a key was taken meanwhile":   schema.ErrDuplicateKey,
	"one is refused with a lease": nil,
}

// testVerdicts has a group done again, for each reason there is, and something happen between
// its tries: what an append is told must rest on what was committed.
func testVerdicts(t *testing.T, open func(testing.TB) *schema.DB) {
	for name, reason := range reasons {
		t.Run(name, func(t *testing.T) {
			t.Run("a rival takes the key", func(t *testing.T) { newRounds(t, open, reason).testRival() })
			t.Run("the first append of a stream is fenced", func(t *testing.T) { newRounds(t, open, reason).testFirstFenced() })
			t.Run("a lease seems to be lost", func(t *testing.T) { newRounds(t, open, reason).testSeemsLost() })
		})
	}
	t.Run("a lease seems to be lost as it is passed on", func(t *testing.T) { rounds{}.of(t, open).testPassSeemsLost() })
	t.Run("the end of a stream is only remembered", func(t *testing.T) { rounds{}.of(t, open).testRemembered() })
	t.Run("what is done beside an append fails once", func(t *testing.T) { rounds{}.of(t, open).testAlsoFailsOnce() })
	t.Run("a lease is lost and something was done beside its append", func(t *testing.T) { rounds{}.of(t, open).testFencedAlso() })
}

// rounds are the tries of one group, which hook is told the numbers of, from 1, in their transactions.
type rounds struct {
	*fixture
	t     *testing.T
	group []*member
	last  []*member // of the group
	tries int
	hook  func(ctx context.Context, tx *schema.Tx, try int) error
}

// member is an append of the group, and what came of it.
type member struct {
	work.Unit
	also func(context.Context, *schema.Tx) error
	err  error
}

func newRounds(t *testing.T, open func(testing.TB) *schema.DB, reason error) *rounds {
	r := rounds{}.of(t, open)
	if reason == nil { // it is found out after its lease was settled
		stale := placed(r.order(90))
		_, err := r.Append(t.Context(), stale)
		must(t, err)
		stale.Lease = work.Lease{Position: 90}
		r.last = []*member{{Unit: stale}}
		return r
	}
	failing := placed(r.order(91))
	failing.Messages[0].Topic = "failing"
	r.last = []*member{{Unit: failing}}
	r.outbox.inside = func(topic string) error {
		if topic == "failing" && r.tries == 1 {
			return fmt.Errorf("the first try: %w", reason)
		}
		return nil
	}
	return r
}

func (r rounds) of(t *testing.T, open func(testing.TB) *schema.DB) *rounds {
	r.t, r.fixture = t, newFixture(t, open(t))
	r.hook = func(context.Context, *schema.Tx, int) error { return nil }
	return &r
}

// order is an order of partition 0; another n is another order.
func (r *rounds) order(n int) domain.OrderID { return orderIn(r.Store, 0, 100*n) }

func (r *rounds) add(a work.Unit) *member {
	m := &member{Unit: a}
	r.group = append(r.group, m)
	return m
}

// run has all appends share a group, with one that counts the tries in front.
func (r *rounds) run() {
	r.t.Helper()
	counting := &member{Unit: placed(r.order(92)), also: func(ctx context.Context, tx *schema.Tx) error {
		r.tries++
		return r.hook(ctx, tx, r.tries)
	}}
	inside, release := make(chan struct{}), make(chan struct{})
	first := &member{Unit: placed(r.order(93)), also: func(context.Context, *schema.Tx) error { close(inside); <-release; return nil }}
	var wg sync.WaitGroup
	begin := func(m *member) { wg.Go(func() { _, m.err = r.AppendWith(r.t.Context(), m.Unit, m.also) }) }
	begin(first)
	select {
	case <-inside:
	case <-time.After(10 * time.Second):
		r.t.Fatal("the first append did not begin")
	}
	for i, m := range slices.Concat([]*member{counting}, r.group, r.last) {
		begin(m)
		r.awaitQueue(r.t, 0, i+1)
	}
	close(release)
	wg.Wait()
	must(r.t, errors.Join(first.err, counting.err))
	if r.tries < 2 {
		r.t.Fatalf("the group was tried %d times: the test shows nothing", r.tries)
	}
	noHoles(r.t, r.fixture)
}

// reserving is a new order that wants a key.
func (r *rounds) reserving(n int) work.Unit {
	a := placed(r.order(n))
	a.Reservations = []work.Reservation{{Key: "key", Fingerprint: [32]byte{1}}}
	return a
}

// testRival: of three appends with one key none gets it, because a rival does between the tries.
func (r *rounds) testRival() {
	rival := r.order(40)
	_, err := r.Append(r.t.Context(), placed(rival))
	must(r.t, err)
	r.hook = func(ctx context.Context, tx *schema.Tx, try int) error {
		if try < 2 {
			return nil
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO reservations (key_hash, order_id, fingerprint, created_at)
			SELECT ?1, ?2, ?3, ?4 WHERE NOT EXISTS (SELECT 1 FROM reservations)`, hashOf("key"), rival[:], make([]byte, 32), schema.TimeArg(r.now))
		return err
	}
	all := []*member{r.add(r.reserving(41)), r.add(r.reserving(42)), r.add(r.reserving(43))}
	all[2].Lease, all[2].Settle = work.Lease{Position: 43}, work.SettleStart
	r.run()
	for i, m := range all {
		var dup *domain.DuplicateError
		if !errors.As(m.err, &dup) || dup.OrderID != rival {
			r.t.Errorf("append %d: err = %v, want a duplicate of the rival's order %s", i, m.err, rival)
		}
	}
}

// testFirstFenced: the second append of a version conflicts only while the first is appended.
func (r *rounds) testFirstFenced() {
	id := r.order(50)
	_, err := r.Append(r.t.Context(), placed(id))
	must(r.t, err)
	r.hook = func(_ context.Context, _ *schema.Tx, try int) error {
		r.leases.lose(51, try >= 2)
		return nil
	}
	first, second := r.add(started(id, 1, 1)), r.add(started(id, 1, 2))
	first.Lease = work.Lease{Position: 51}
	r.run()
	want(r.t, first.err, domain.ErrFenced)
	must(r.t, second.err)
}

// testSeemsLost: a lease that is not held in the first try, which was not committed, is held in the next.
func (r *rounds) testSeemsLost() {
	r.hook = func(_ context.Context, _ *schema.Tx, try int) error {
		r.leases.lose(60, try == 1)
		return nil
	}
	m := r.add(placed(r.order(60)))
	m.Lease = work.Lease{Position: 60}
	r.run()
	must(r.t, m.err)
}

func (r *rounds) testPassSeemsLost() {
	r.hook = func(_ context.Context, _ *schema.Tx, try int) error {
		r.leases.lose(-61, try == 1)
		return nil
	}
	m := r.add(placed(r.order(61)))
	m.Lease, m.Settle = work.Lease{Position: 61}, work.SettlePass
	r.run()
	must(r.t, m.err)
}

// testRemembered: the first append expects what the store remembers of a stream, and is refused for
// its key, so that its insert does not show that the stream has moved on. The second expects what is stored.
func (r *rounds) testRemembered() {
	id := r.order(70)
	_, err := r.Append(r.t.Context(), placed(id))
	must(r.t, err)
	_, err = newFixture(r.t, r.db).Append(r.t.Context(), started(id, 1, 1))
	must(r.t, err)
	_, err = r.Append(r.t.Context(), r.reserving(71))
	must(r.t, err)
	first, second := r.add(started(id, 1, 9)), r.add(started(id, 2, 2))
	first.Reservations = r.reserving(72).Reservations
	r.run()
	want(r.t, first.err, domain.ErrConflict)
	must(r.t, second.err)
}

// testAlsoFailsOnce: it failed for what it met in a transaction that was not committed.
func (r *rounds) testAlsoFailsOnce() {
	calls := 0
	m := r.add(placed(r.order(62)))
	m.also = func(context.Context, *schema.Tx) error {
		if calls++; calls == 1 {
			return errors.New("not yet")
		}
		return nil
	}
	r.run()
	must(r.t, m.err)
}

// testFencedAlso: nothing stays of what was done beside an append whose lease was lost.
func (r *rounds) testFencedAlso() {
	r.leases.lose(63, true)
	m := r.add(placed(r.order(63)))
	m.Lease = work.Lease{Position: 63}
	m.also = func(ctx context.Context, tx *schema.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO consumer_offsets (consumer_group, topic, partition, position) VALUES ('also', 't', 1, 0)`)
		return err
	}
	r.run()
	want(r.t, m.err, domain.ErrFenced)
	if n := r.count(r.t, `SELECT COUNT(*) FROM consumer_offsets WHERE consumer_group = 'also'`); n != 0 {
		r.t.Errorf("the lease was lost, and what was done beside the append stayed")
	}
}

func hashOf(key string) []byte {
	sum := sha256.Sum256([]byte(key))
	return sum[:]
}

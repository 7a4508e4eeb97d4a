package logtest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/eventstore"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

// Fixture is an event store on a new database, with a clock that moves a millisecond
// with every event.
type Fixture struct {
	*eventstore.Store
	T    testing.TB
	DB   *schema.DB
	mu   sync.Mutex
	Now  time.Time
	last uint64 // of the order ids
}

// New makes a fixture on a migrated database.
func New(t testing.TB, db *schema.DB) *Fixture {
	t.Helper()
	f := &Fixture{T: t, DB: db, Now: time.Date(2026, 11, 22, 12, 0, 0, 123456000, time.UTC)}
	store, err := eventstore.Open(t.Context(), db, eventstore.Config{Clock: func() time.Time {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.Now = f.Now.Add(time.Millisecond)
		return f.Now
	}})
	Must(t, err)
	store.Allow(domain.EventLevel)
	f.Store = store
	return f
}

// Partitioned is New with several partitions in either dialect.
func Partitioned(t testing.TB, db *schema.DB) *Fixture {
	t.Helper()
	schematest.Partitions(t, db, 3)
	return New(t, db)
}

// Must fails the test at once if there is an error.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// NewID gives ids that sort in the order in which they are made.
func (f *Fixture) NewID() domain.OrderID {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last++
	var id domain.OrderID
	binary.BigEndian.PutUint64(id[:8], f.last)
	id[15] = 0x2a
	return id
}

// Do appends what the commands decide, one append each.
func (f *Fixture) Do(id domain.OrderID, commands ...domain.Command) {
	f.T.Helper()
	for _, c := range commands {
		if err := f.appendOne(id, c); err != nil {
			f.T.Errorf("order %s, %T: %v", id, c, err)
			return
		}
	}
}

func (f *Fixture) appendOne(id domain.OrderID, c domain.Command) error {
	events, err := f.Load(context.Background(), id)
	if err != nil && !errors.Is(err, domain.ErrNotFound) {
		return err
	}
	o, err := domain.Fold(events)
	if err != nil {
		return err
	}
	o.ID = id
	a, err := work.Prepare(&o, domain.Metadata{Actor: "test"}, c)
	if err != nil {
		return err
	}
	a.Messages = nil // no one is to work on it
	_, err = f.Append(context.Background(), a)
	return err
}

// Place places an order.
func (f *Fixture) Place(trackingID string) domain.OrderID {
	f.T.Helper()
	id := f.NewID()
	f.Do(id, Placing(trackingID, int(f.last))) //nolint:gosec // there are few
	return id
}

// PlaceMany places orders in few transactions.
func (f *Fixture) PlaceMany(n int) (ids []domain.OrderID) {
	f.T.Helper()
	var wg sync.WaitGroup
	for range n {
		id := f.NewID()
		ids = append(ids, id)
		wg.Go(func() { f.Do(id, Placing("", 0)) })
	}
	wg.Wait()
	return ids
}

// Placing is the command that places an order.
func Placing(trackingID string, n int) domain.Command {
	return domain.Place{TrackingID: trackingID, Detail: []byte(fmt.Sprintf(`{"n":%d,"text":"ü <&> 𝄞"}`, n))}
}

// customers are those who place many orders, some without a name.
var customers = []string{"", "", "acme", "Acme", "größer & Söhne"}

// PlacingFor is Placing for a customer. Some orders are new tries of others.
func PlacingFor(customer, trackingID string, n int) domain.Command {
	place := Placing(trackingID, n).(domain.Place)
	place.Customer = customer
	if n%5 == 4 {
		place.RetryOf = domain.OrderID{1, 15: byte(n)} //nolint:gosec // any will do
	}
	return place
}

// Start is the command that starts an attempt of a step.
func Start(s domain.Step, attempt int, node string) domain.Command {
	return domain.StartStep{Step: s, Attempt: attempt, Node: node}
}

// Complete are the commands that start and complete steps.
func Complete(node string, steps ...domain.Step) (all []domain.Command) {
	for _, s := range steps {
		all = append(all, Start(s, 1, node), domain.CompleteStep{Step: s, Attempt: 1})
	}
	return all
}

// Fail are the commands that fail at a step and roll everything back.
func Fail(node string, at int) (all []domain.Command) {
	steps := domain.Steps()
	all = append(Complete(node, steps[:at]...), Start(steps[at], 1, node), domain.FailStep{Step: steps[at], Attempt: 1, Error: "no \"stock\"\n"})
	for i := at; i >= 0; i-- {
		all = append(all, domain.RollBackStep{Step: steps[i], Attempt: 1, Node: node})
	}
	return all
}

// Interrupted are the commands of an order that is parked after two attempts.
func Interrupted(node string) []domain.Command {
	s := domain.Scheduling
	return []domain.Command{
		Start(s, 1, node), domain.InterruptStep{Step: s, Attempt: 1, Reason: "node was lost"},
		Start(s, 3, node), domain.InterruptStep{Step: s, Attempt: 3, Reason: "again"}, domain.Park{Reason: "too often"},
	}
}

// Cancelled are the commands of an order that is cancelled while a step runs, which is then cut short.
func Cancelled(node string, at int) (all []domain.Command) {
	steps := domain.Steps()
	all = append(Complete(node, steps[:at]...), Start(steps[at], 1, node), domain.Cancel{Reason: "weil \"Öl\""}, domain.Cancel{Reason: "fire", Now: true},
		domain.InterruptStep{Step: steps[at], Attempt: 1, Reason: "cut short"})
	for i := at; i >= 0; i-- {
		all = append(all, domain.RollBackStep{Step: steps[i], Attempt: 1, Node: node})
	}
	return all
}

// GivenUp are the commands of a parked order that is failed.
func GivenUp(node string) []domain.Command {
	return append(Interrupted(node), domain.Fail{Reason: "hopeless"}, domain.RollBackStep{Step: domain.Scheduling, Attempt: 1, Node: node})
}

// anyHistory are the commands of a whole history, cut off somewhere.
func anyHistory(rng *rand.Rand) []domain.Command {
	node := fmt.Sprintf("node-%d", rng.IntN(3))
	kinds := [][]domain.Command{Complete(node, domain.Steps()...), Fail(node, rng.IntN(4)), Interrupted(node), Cancelled(node, rng.IntN(4)), GivenUp(node), {domain.Cancel{Reason: "early"}}}
	all := kinds[rng.IntN(len(kinds))]
	if rng.IntN(2) == 0 {
		all = all[:rng.IntN(len(all)+1)]
	}
	return all
}

// Many places n orders with histories that are woven into each other. Appends are made
// at the same time, so that they share transactions.
func (f *Fixture) Many(rng *rand.Rand, n int) []domain.OrderID {
	f.T.Helper()
	ids := make([]domain.OrderID, n)
	left := map[domain.OrderID][]domain.Command{}
	for i := range ids {
		ids[i] = f.NewID()
		left[ids[i]] = append([]domain.Command{PlacingFor(customers[rng.IntN(len(customers))], fmt.Sprintf("track-%d", i), i)}, anyHistory(rng)...)
	}
	for len(left) > 0 {
		var wg sync.WaitGroup
		for id, commands := range left {
			if rng.IntN(3) == 0 {
				continue
			}
			wg.Go(func() { f.Do(id, commands[0]) })
			if left[id] = commands[1:]; len(commands) == 1 {
				delete(left, id)
			}
		}
		wg.Wait()
	}
	return ids
}

// Random is seeded anew each time and says with what.
func Random(t testing.TB) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// Exec changes the database behind the system's back.
func (f *Fixture) Exec(query string, args ...any) {
	f.T.Helper()
	Must(f.T, f.DB.InTx(context.Background(), func(tx *schema.Tx) error {
		_, err := tx.ExecContext(context.Background(), query, args...)
		return err
	}))
}

package projections

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/eventstore"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

// fixture is an event store on a new database, with a clock that moves a millisecond
// with every event.
type fixture struct {
	*eventstore.Store
	t     testing.TB
	db    *schema.DB
	views *Views
	mu    sync.Mutex
	now   time.Time
	last  uint64 // of the order ids
}

func newFixture(t testing.TB, db *schema.DB) *fixture {
	t.Helper()
	f := &fixture{t: t, db: db, now: time.Date(2026, 11, 22, 12, 0, 0, 123456000, time.UTC)}
	store, err := eventstore.Open(t.Context(), db, eventstore.Options{Clock: func() time.Time {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.now = f.now.Add(time.Millisecond)
		return f.now
	}})
	must(t, err)
	store.Allow(domain.EventLevel)
	f.Store, f.views = store, NewViews(db, store)
	return f
}

// partitioned is newFixture with several partitions in either dialect.
func partitioned(t testing.TB, db *schema.DB) *fixture {
	t.Helper()
	schematest.Partitions(t, db, 3)
	return newFixture(t, db)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newID gives ids that sort in the order in which they are made.
func (f *fixture) newID() domain.OrderID {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last++
	var id domain.OrderID
	binary.BigEndian.PutUint64(id[:8], f.last)
	id[15] = 0x2a
	return id
}

// do appends what the commands decide, one append each.
func (f *fixture) do(id domain.OrderID, commands ...domain.Command) {
	f.t.Helper()
	for _, c := range commands {
		if err := f.append(id, c); err != nil {
			f.t.Errorf("order %s, %T: %v", id, c, err)
			return
		}
	}
}

func (f *fixture) append(id domain.OrderID, c domain.Command) error {
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

// place places an order.
func (f *fixture) place(trackingID string) domain.OrderID {
	f.t.Helper()
	id := f.newID()
	f.do(id, placing(trackingID, int(f.last)))
	return id
}

// placeMany places orders in few transactions.
func (f *fixture) placeMany(n int) (ids []domain.OrderID) {
	f.t.Helper()
	var wg sync.WaitGroup
	for range n {
		id := f.newID()
		ids = append(ids, id)
		wg.Go(func() { f.do(id, placing("", 0)) })
	}
	wg.Wait()
	return ids
}

func placing(trackingID string, n int) domain.Command {
	return domain.Place{TrackingID: trackingID, Detail: []byte(fmt.Sprintf(`{"n":%d,"text":"ü <&> 𝄞"}`, n))}
}

// customers are those who place many orders, some without a name.
var customers = []string{"", "", "acme", "Acme", "größer & Söhne"}

func placingFor(customer, trackingID string, n int) domain.Command {
	place := placing(trackingID, n).(domain.Place)
	place.Customer = customer
	return place
}

func start(s domain.Step, attempt int, node string) domain.Command {
	return domain.StartStep{Step: s, Attempt: attempt, Node: node}
}

// complete are the commands that start and complete steps.
func complete(node string, steps ...domain.Step) (all []domain.Command) {
	for _, s := range steps {
		all = append(all, start(s, 1, node), domain.CompleteStep{Step: s, Attempt: 1})
	}
	return all
}

// fail are the commands that fail at a step and roll everything back.
func fail(node string, at int) (all []domain.Command) {
	steps := domain.Steps()
	all = append(complete(node, steps[:at]...), start(steps[at], 1, node), domain.FailStep{Step: steps[at], Attempt: 1, Error: "no \"stock\"\n"})
	for i := at; i >= 0; i-- {
		all = append(all, domain.RollBackStep{Step: steps[i], Attempt: 1, Node: node})
	}
	return all
}

// interrupted are the commands of an order that is parked after two attempts.
func interrupted(node string) []domain.Command {
	s := domain.Scheduling
	return []domain.Command{
		start(s, 1, node), domain.InterruptStep{Step: s, Attempt: 1, Reason: "node was lost"},
		start(s, 3, node), domain.InterruptStep{Step: s, Attempt: 3, Reason: "again"}, domain.Park{Reason: "too often"},
	}
}

// anyHistory are the commands of a whole history, cut off somewhere.
func anyHistory(rng *rand.Rand) []domain.Command {
	node := fmt.Sprintf("node-%d", rng.IntN(3))
	kinds := [][]domain.Command{complete(node, domain.Steps()...), fail(node, rng.IntN(4)), interrupted(node)}
	all := kinds[rng.IntN(len(kinds))]
	if rng.IntN(2) == 0 {
		all = all[:rng.IntN(len(all)+1)]
	}
	return all
}

// many places n orders with histories that are woven into each other. Appends are made
// at the same time, so that they share transactions.
func (f *fixture) many(rng *rand.Rand, n int) []domain.OrderID {
	f.t.Helper()
	ids := make([]domain.OrderID, n)
	left := map[domain.OrderID][]domain.Command{}
	for i := range ids {
		ids[i] = f.newID()
		left[ids[i]] = append([]domain.Command{placingFor(customers[rng.IntN(len(customers))], fmt.Sprintf("track-%d", i), i)}, anyHistory(rng)...)
	}
	for len(left) > 0 {
		var wg sync.WaitGroup
		for id, commands := range left {
			if rng.IntN(3) == 0 {
				continue
			}
			wg.Go(func() { f.do(id, commands[0]) })
			if left[id] = commands[1:]; len(commands) == 1 {
				delete(left, id)
			}
		}
		wg.Wait()
	}
	return ids
}

// random is seeded anew each time and says with what.
func random(t testing.TB) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// project applies the log to its heads.
func (f *fixture) project(o Options) *Projector {
	f.t.Helper()
	p := NewProjector(f.db, f.Store, o)
	_, err := p.pass(context.Background())
	must(f.t, err)
	return p
}

// exec changes the database behind the system's back.
func (f *fixture) exec(query string, args ...any) {
	f.t.Helper()
	must(f.t, f.db.InTx(context.Background(), func(tx *schema.Tx) error {
		_, err := tx.ExecContext(context.Background(), query, args...)
		return err
	}))
}

// verify fails the test unless the view is the fold of the events.
func (f *fixture) verify() Report {
	f.t.Helper()
	r, err := Verify(context.Background(), f.db, f.Store, VerifyOptions{})
	must(f.t, err)
	if !r.Clean() || r.Lagging != 0 {
		f.t.Fatalf("the view is not the fold of the events: %+v", r)
	}
	return r
}

// fold is the view of an order, from its stream.
func (f *fixture) fold(id domain.OrderID) OrderView {
	f.t.Helper()
	events, err := f.Load(context.Background(), id)
	must(f.t, err)
	o, err := domain.Fold(events)
	must(f.t, err)
	return ViewOf(o)
}

// list is a page, which must be the same by AppendJSON.
func (f *fixture) list(filter Filter) Page {
	f.t.Helper()
	page, err := f.views.List(context.Background(), filter)
	must(f.t, err)
	text := page.AppendJSON([]byte("before"))
	if got, want := string(text), "before"+toJSON(f.t, page); got != want {
		f.t.Fatalf("the page goes out as\n%s\nwant\n%s", got, want)
	}
	return page
}

// stepsOf are the steps of a view.
func stepsOf(t testing.TB, v OrderView) []StepView {
	t.Helper()
	views, err := v.Steps.Views()
	must(t, err)
	return views
}

// sameAsStreams fails the test unless the rows show just these orders, each as the fold
// of its stream. It shares no code with Verify.
func (f *fixture) sameAsStreams(ids []domain.OrderID) {
	f.t.Helper()
	var stored []OrderView
	rows, err := f.db.QueryContext(context.Background(), `SELECT `+rowColumns+` FROM orders`)
	must(f.t, eachRow(rows, err, true, func(r *row) error {
		v, err := r.view()
		stored = append(stored, v)
		return err
	}))
	if len(stored) != len(ids) {
		f.t.Fatalf("%d rows, want %d", len(stored), len(ids))
	}
	for _, v := range stored {
		if !slices.Contains(ids, v.OrderID) {
			f.t.Fatalf("a row of order %s, which was not placed", v.OrderID)
		}
		want := f.fold(v.OrderID)
		if got, want := toJSON(f.t, v), toJSON(f.t, want); got != want {
			f.t.Fatalf("row\n%s\nstream\n%s", got, want)
		}
	}
	f.sameCounts(stored)
}

func (f *fixture) sameCounts(views []OrderView) {
	f.t.Helper()
	want := map[domain.Status]int64{}
	for _, s := range domain.Statuses() {
		want[s] = 0
	}
	for _, v := range views {
		want[v.Status]++
	}
	got, err := f.views.Counts(context.Background())
	must(f.t, err)
	if fmt.Sprint(got) != fmt.Sprint(want) {
		f.t.Fatalf("counts %v, want %v", got, want)
	}
}

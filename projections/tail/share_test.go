package tail

import (
	"context"
	"sync"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/eventstore"
	"orderflow/projections/internal/logtest"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

// peer is a node: a store whose appends wake its own projector, which has a database of its own to be counted.
type peer struct {
	logtest.Fixture
	db *schema.DB
	p  *Projector
}

// peers makes nodes that run until the test ends.
func (f *fixture) peers(n int) []*peer {
	f.T.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	all := make([]*peer, n)
	for i := range all {
		store, err := eventstore.Open(ctx, schematest.Again(f.T, f.DB), eventstore.Config{})
		must(f.T, err)
		store.Allow(domain.EventLevel)
		all[i] = &peer{Fixture: logtest.Fixture{Store: store, T: f.T}, db: schematest.Again(f.T, f.DB)}
		all[i].p = NewProjector(all[i].db, store.Follower(), Config{OnError: func(err error) { f.T.Error(err) }})
		store.OnCommit(all[i].p.Wake)
	}
	f.T.Cleanup(func() { stop(); running.Wait() }) // before the databases are closed, which were opened earlier
	for _, n := range all {
		running.Go(func() { _ = n.p.Run(ctx) })
	}
	return all
}

// spent is what the projectors of nodes have cost the database.
func spent(all []*peer) (sum schema.Stats) {
	for _, n := range all {
		s := n.db.Stats()
		sum.Statements += s.Statements
		sum.Transactions += s.Transactions
		sum.RoundTrips += s.RoundTrips
	}
	return sum
}

// TestProjector_share: at light load the projectors of three nodes cost little more than one of them would.
func TestProjector_share(t *testing.T) {
	const warm, orders, rate, most = 20, 50, 5, 6.5
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		db := open(t)
		schematest.Partitions(t, db, 16)
		f := newFixture(t, db)
		nodes := f.peers(3)
		tick := time.NewTicker(time.Second / rate)
		defer tick.Stop()
		var ids []domain.OrderID
		place := func(n int) {
			for range n {
				<-tick.C
				id := f.NewID()
				nodes[len(ids)%len(nodes)].Do(id, append([]domain.Command{logtest.Placing("", 0)}, complete("n", domain.Steps()...)...)...)
				ids = append(ids, id)
			}
			f.await("the views follow", func() bool { _, lag := f.lag(-1); return lag == 0 })
		}
		place(warm) // until they know of each other
		before := spent(nodes)
		place(orders)
		after := spent(nodes)
		each := func(after, before int64) float64 { return float64(after-before) / orders }
		statements := each(after.Statements, before.Statements)
		t.Logf("an order: %.1f statements, %.1f transactions, %.1f round trips", statements,
			each(after.Transactions, before.Transactions), each(after.RoundTrips, before.RoundTrips))
		if statements > most {
			t.Errorf("an order costs %.1f statements of projectors, want %.1f at most", statements, most)
		}
		f.SameAsStreams(ids)
	})
}

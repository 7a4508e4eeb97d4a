package messaging_test

import (
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"

	"orderflow/domain/work"
	"orderflow/eventstore"
	"orderflow/eventstore/storetest"
	"orderflow/schema"
	"orderflow/schema/schematest"
	"orderflow/transport/messaging"
	"orderflow/transport/messaging/inflight"
)

// TestLeases_store holds the event store with the leases of this package to what every store with leases
// promises, as the store in memory is held on which the tests of the handlers rest.
func TestLeases_store(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		storetest.RunLeases(t, func(t testing.TB) storetest.Leasing { return newClaiming(t, open(t)) })
	})
}

// claiming is the event store as one registered node uses it.
type claiming struct {
	*eventstore.Store
	db     *schema.DB
	tenure work.Tenure
	claims *inflight.Claimer
}

func newClaiming(t testing.TB, db *schema.DB) claiming {
	t.Helper()
	store, err := eventstore.Open(t.Context(), db, eventstore.Config{
		Outbox: messaging.NewOutbox(nil, watermill.NopLogger{}), Leases: inflight.Leases{},
	})
	must(t, err)
	c := claiming{Store: store, db: db, claims: inflight.NewClaimer(db, inflight.ClaimerConfig{Group: "workers", Slots: 1, Losses: &inflight.Losses{}})}
	c.tenure.Node, c.tenure.Context = "n", t.Context()
	c.tenure.Epoch, err = inflight.NewNodes(db).Register(t.Context(), work.Node{Node: "n", Slots: 1}, time.Hour)
	must(t, err)
	for _, topic := range work.Topics() {
		must(t, inflight.MakeOffsets(t.Context(), db, "workers", topic))
	}
	return c
}

func (c claiming) Claim(t testing.TB) (work.Lease, bool) {
	t.Helper()
	round := inflight.Round{Tenure: c.tenure, Topics: work.Topics(), Free: 1}
	sources, err := c.claims.Look(t.Context(), round)
	must(t, err)
	returned, err := c.claims.Returned(t.Context(), round, sources)
	must(t, err)
	claimed, err := c.claims.TakeOver(t.Context(), returned)
	must(t, err)
	round.Free -= len(claimed)
	got, err := c.claims.Claim(t.Context(), round, sources)
	must(t, err)
	if claimed = append(claimed, got.Claims...); len(claimed) == 0 {
		return work.Lease{}, false
	}
	return claimed[0].Lease, true
}

// Lose does to the row what a take-over does.
func (c claiming) Lose(t testing.TB, l work.Lease) {
	t.Helper()
	must(t, c.db.InTx(t.Context(), func(tx *schema.Tx) error {
		_, err := tx.ExecContext(t.Context(), `UPDATE inflight SET node = 'heir', attempt = attempt + 1 WHERE topic = ?1 AND position = ?2`, l.Topic, l.Position)
		return err
	}))
}

func (c claiming) Own() work.Lease {
	return work.Lease{Row: work.Row{Group: "workers"}, Registration: c.tenure.Registration}
}

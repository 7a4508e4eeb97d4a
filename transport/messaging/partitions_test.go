package messaging_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/projections/tail"
	"orderflow/schema"
	"orderflow/schema/schematest"
	"orderflow/transport/messaging/inflight"
)

// TestPartitions: a transaction changes the rows of one partition, and beside them keys, which have places of
// their own by their hashes, and rows of nodes. Three kinds gather partitions, to save round trips: storing
// acknowledgements, claiming, and taking over. Each does the work of one partition as well by itself. So
// partitions can be moved to servers of their own.
func TestPartitions(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		db := open(t)
		schematest.Partitions(t, db, 4)
		exec(t, db, `INSERT INTO checkpoints (projection, partition, position, counts, updated_at)
			SELECT 'orders', h.partition, 0, '{}', ?1 FROM heads h
			WHERE h.partition >= 0 AND NOT EXISTS (SELECT 1 FROM checkpoints c WHERE c.partition = h.partition)`, schema.TimeArg(time.Now()))
		l := &ledger{t: t, claiming: newClaiming(t, db)}
		t.Run("the life of an order", func(t *testing.T) { l.t = t; testLifeInPartition(l) })
		t.Run("what gathers partitions", func(t *testing.T) { l.t = t; testGathering(l) })
		t.Run("taking over", func(t *testing.T) { l.t = t; testTakeOverOfPartitions(l) })
	})
}

// testLifeInPartition: whatever happens to an order happens in its partition.
func testLifeInPartition(l *ledger) {
	projector := tail.NewProjector(l.db, l.Store, tail.Config{})
	projected := func(partition int) {
		l.t.Helper()
		l.changes("projecting", func() { _, err := projector.Round(l.t.Context()); must(l.t, err) }, of(partition))
	}
	id := l.place(1, 1)
	projected(1)
	var lease work.Lease
	l.changes("claiming", func() { lease = l.claimed(l.tenure, 1)[0] }, of(1))
	step := func(what string, how work.Settlement, commands ...domain.Command) {
		l.t.Helper()
		u := l.decided(id, commands...)
		u.Lease, u.Settle = lease, how
		l.changes(what, func() {
			if next := l.append(u, nil); !next.IsZero() {
				lease = next
			}
		}, of(1))
	}
	step("starting a step", work.SettleKeep, domain.StartStep{Step: domain.Scheduling, Attempt: 1, Node: "n"})
	step("passing the lease on", work.SettlePass, domain.CompleteStep{Step: domain.Scheduling, Attempt: 1})
	step("parking", work.SettlePark, domain.Park{Reason: "a test"})
	letters := inflight.NewDeadLetters(l.db)
	page, err := letters.Page(l.t.Context(), inflight.LetterFilter{}, "", 1)
	must(l.t, err)
	l.changes("requeuing", func() {
		l.append(l.decided(id, domain.Resume{Reason: "a test"}), func(ctx context.Context, tx *schema.Tx) error {
			return letters.RequeueTx(ctx, tx, page.Letters[0].LetterKey)
		})
	}, of(1))
	requeued := l.returned(l.tenure)
	l.changes("claiming what was requeued", func() { lease = l.takeOver(requeued)[0] }, of(1))
	step("handing back", work.SettleHandBack)
	projected(1)

	started, err := l.decided(l.orderIn(2, 9), domain.Place{Detail: []byte(`{}`)}).Then(domain.Metadata{}, domain.StartStep{Step: domain.Scheduling, Attempt: 1, Node: "n"})
	must(l.t, err)
	started.Lease, started.Settle = l.Own(), work.SettleStart
	l.changes("starting an order where it is placed", func() { l.append(started, nil) }, of(2))
	projected(2)
}

// testGathering: what is claimed, and what is acknowledged, at once may be of several partitions, and need not be.
func testGathering(l *ledger) {
	for serial, partition := range []int{0, 1, 3, 0, 1, 3} {
		l.place(partition, byte(20+serial))
	}
	var leases []work.Lease
	for range 3 {
		var some []work.Lease
		owners := l.changed("claiming from one source", func() { some = l.claimed(l.tenure, 1) })
		if len(some) != 2 || !slices.Equal(owners, partitionsOf(some[:1])) {
			l.t.Errorf("claiming from one source: rows of %q are changed for %+v", owners, some)
		}
		leases = append(leases, some...)
	}
	l.changes("acknowledging of one", func() { l.acknowledge(l.tenure, leases[:2]...) }, partitionsOf(leases[:2])...)
	l.changes("acknowledging of two", func() { l.acknowledge(l.tenure, leases[2:]...) }, partitionsOf(leases[2:])...)
	l.place(0, 30)
	l.place(3, 31)
	l.changes("claiming from two", func() { l.claimed(l.tenure, 8) }, of(0), of(3))
}

// testTakeOverOfPartitions: who takes over declares the lost node lost, which is a row of the nodes, and takes
// messages of as many partitions as it likes.
func testTakeOverOfPartitions(l *ledger) {
	heir := join(l.t, l.db)
	expire(l.t, l.db, l.tenure)
	all := l.returned(heir.Tenure)
	all = slices.DeleteFunc(all, func(x inflight.Returned) bool { return x.Lease.Interruptions == 0 }) // given back
	first := of(all[0].Lease.Partition)
	l.changes("taking one message over", func() { l.takeOver(all[:1]) }, first, "nodes")
	var rest []string
	for _, x := range all[1:] {
		rest = append(rest, of(x.Lease.Partition))
	}
	slices.Sort(rest)
	l.changes("taking the rest over", func() { l.takeOver(all[1:]) }, slices.Compact(rest)...)
}

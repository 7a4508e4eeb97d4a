package main

import (
	"testing"

	"orderflow/schema/schematest"
)

// TestE2E_Cost counts what an order costs the database from placed to completed, and
// holds it below a bound: a statement more in the path of every step is noticed here.
// On SQL Server the round trips are counted on the wire.
func TestE2E_Cost(t *testing.T) { onEachDatabase(t, testCost) }

func testCost(t *testing.T, db string) {
	const (
		orders           = 200
		mostStatements   = 40
		mostTransactions = 12
		mostRoundTrips   = 70
	)
	requests := func() int64 { return 0 }
	if isServer(db) {
		proxy, through := schematest.NewProxy(t, db)
		db, requests = through, proxy.Requests
	}
	p := start(t, db, "--step-duration", "50ms", "--step-failure-rate", "0")
	p.api().place(50) // connections and plans
	p.untilEnded(50)

	before, sent := p.stat(), requests()
	p.api().place(orders)
	p.untilEnded(50 + orders)
	after, wire := p.stat(), requests()-sent
	each := func(n int64) float64 { return float64(n) / orders }
	statements, transactions := each(after.Statements-before.Statements), each(after.Transactions-before.Transactions)
	t.Logf("an order of four steps, from placed to completed: %.1f statements, %.1f transactions, %.1f round trips on the wire (0: none)",
		statements, transactions, each(wire))
	if statements > mostStatements || transactions > mostTransactions || each(wire) > mostRoundTrips {
		t.Errorf("want at most %d, %d and %d", mostStatements, mostTransactions, mostRoundTrips)
	}
	if statements < 1 || transactions <= 0 {
		t.Error("nothing was counted")
	}
	// The node goes on while it is asked, so that the two do not count up to the same moment.
	if said := after.RoundTrips - before.RoundTrips; max(said-wire, wire-said) > wire/50 {
		t.Errorf("the node says that it made %d round trips, and %d went over the wire", said, wire)
	}
}

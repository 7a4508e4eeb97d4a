package inflight_test

import (
	"strings"
	"testing"

	"orderflow/domain/work"
	"orderflow/schema/schematest"
	"orderflow/transport/messaging/inflight"
)

// byKey is how a row in flight is found by the table's key.
const byKey = `USING PRIMARY KEY (consumer_group=? AND first_topic=? AND partition=? AND first_position=?)`

// TestLeases_plan: with thousands of rows in flight, leases are settled and passed on
// without looking at any but their own.
func TestLeases_plan(t *testing.T) {
	db := schematest.SQLite(t)
	var requests []work.SettleRequest
	var passes []work.Pass
	for i := range 40 {
		for how := work.SettleKeep; how <= work.SettlePass; how++ {
			l := work.Lease{
				Row: work.Row{Group: "g", FirstTopic: "t", FirstPosition: int64(i)}, Topic: "u", Position: int64(i + 1),
				Registration: work.Registration{Node: "n", Epoch: 1}, Attempt: 1,
			}
			requests = append(requests, work.SettleRequest{Lease: l, Settle: how})
			next := work.OutboxMessage{Message: work.Message{Topic: "v", UUID: "next", Payload: []byte("work")}, Position: int64(i + 2)}
			passes = append(passes, work.Pass{Lease: l, Message: next})
		}
	}
	questions, err := inflight.Leases{}.Settle(db.Dialect(), requests, make([]bool, len(requests)))
	must(t, err)
	more, err := inflight.Leases{}.Pass(db.Dialect(), passes, make([]bool, len(passes)))
	must(t, err)
	seen := map[string]bool{}
	for _, q := range append(questions, more...) {
		if seen[q.Query] {
			continue
		}
		seen[q.Query] = true
		if got := schematest.Plan(t, db, q.Query, q.Args...); strings.Count(got, byKey) != 1 || strings.Contains(got, "SCAN i") {
			t.Errorf("%s\nis run so:\n%s", q.Query, got)
		}
	}
	if most := 10; len(seen) > most {
		t.Errorf("%d leases are settled with %d different statements, want %d at most", len(requests), len(seen), most)
	}
}

// TestClaimer_plan: looking for what may be claimed passes by what nodes have in hand.
func TestClaimer_plan(t *testing.T) {
	db := schematest.SQLite(t)
	for what, q := range inflight.ReturnedQueries(db.Dialect(), work.Topics()) {
		got := schematest.Plan(t, db, q, "g", 3, 2)
		if strings.Count(got, "USING INDEX inflight_node (node=? AND epoch=? AND consumer_group=?)") != 2 || strings.Contains(got, "SCAN i") || strings.Contains(got, "SCAN m") {
			t.Errorf("%s\nis run so:\n%s", what, got)
		}
	}
}

// TestClaimer_planNew: the messages of a partition are found by key, behind the offset.
func TestClaimer_planNew(t *testing.T) {
	db := schematest.SQLite(t)
	got := schematest.Plan(t, db, inflight.NewQuery(db.Dialect(), work.Topics()), "g", "t", 3, 100)
	for _, want := range []string{
		"SEARCH o USING PRIMARY KEY (consumer_group=? AND topic=? AND partition=?)",
		"SEARCH m USING PRIMARY KEY (topic=? AND partition=? AND position>? AND position<?)",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("new messages are read so, want %s:\n%s", want, got)
		}
	}
	if strings.Contains(got, "TEMP B-TREE") {
		t.Errorf("they are sorted:\n%s", got)
	}
}

package inflight_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"orderflow/domain/work"
	"orderflow/schema"
	"orderflow/schema/schematest"
	"orderflow/transport/messaging/inflight"
)

func TestDuties(t *testing.T) {
	onEach(t, map[string]func(*testing.T, *schema.DB){
		"two at once":                     testDutyRace,
		"the holder expires":              testDutyExpired,
		"the holder is lost, or stopped":  testDutyEnded,
		"taken from one that was read":    testDutyTaken,
		"given up":                        testDutyGivenUp,
		"a registration that is not good": testDutyFenced,
		"held already":                    testDutyHeld,
	})
}

// holds says whether a registration gets a duty, or has it.
func holds(t *testing.T, db *schema.DB, duty string, of work.Tenure) bool {
	t.Helper()
	held, err := inflight.NewDuties(db).Hold(t.Context(), duty, of.Registration)
	must(t, err)
	return held
}

// testDutyRace: one of several gets a duty, when it has never been held and when its holder has gone.
func testDutyRace(t *testing.T, db *schema.DB) {
	duty, other := name("duty"), schematest.Again(t, db)
	for range 2 {
		var won atomic.Int64
		var winner work.Tenure
		var wg sync.WaitGroup
		for i := range 6 {
			tenure := register(t, db, work.Node{Node: name("node")})
			wg.Go(func() {
				held, err := inflight.NewDuties([]*schema.DB{db, other}[i%2]).Hold(t.Context(), duty, tenure.Registration)
				if err != nil {
					t.Error(err)
				}
				if held {
					winner = tenure
					won.Add(1)
				}
			})
		}
		wg.Wait()
		if n := won.Load(); n != 1 {
			t.Fatalf("%d have the duty at once, want 1", n)
		}
		expire(t, db, winner)
	}
}

// testDutyExpired: the duty is the next one's as soon as its holder expires by the database's clock, whatever the
// holder knows, and not before.
func testDutyExpired(t *testing.T, db *schema.DB) {
	duty := name("duty")
	one, next := register(t, db, work.Node{Node: name("node")}), register(t, db, work.Node{Node: name("node")})
	if !holds(t, db, duty, one) || holds(t, db, duty, next) {
		t.Fatal("the duty is not the first one's alone")
	}
	expire(t, db, one)
	if holds(t, db, duty, one) {
		t.Error("one that has expired holds its duty")
	}
	if !holds(t, db, duty, next) {
		t.Error("the next one does not get the duty of one that has expired")
	}
	if holds(t, db, duty, one) {
		t.Error("the first one got it back")
	}
}

// testDutyEnded: a registration that was declared lost, or has been released, holds nothing, whatever its time.
func testDutyEnded(t *testing.T, db *schema.DB) {
	for _, state := range []string{work.NodeLost, work.NodeStopped} {
		duty := name("duty")
		one, next := register(t, db, work.Node{Node: name("node")}), register(t, db, work.Node{Node: name("node")})
		if !holds(t, db, duty, one) {
			t.Fatal("the duty is not to be had")
		}
		exec(t, db, `UPDATE nodes SET state = ?3 WHERE node = ?1 AND epoch = ?2`, one.Node, one.Epoch, state)
		if !holds(t, db, duty, next) {
			t.Errorf("the next one does not get the duty of one that is %s", state)
		}
	}
}

// testDutyTaken: two read that a holder has gone, and one gets its duty. Nobody gets it of a holder that is good after all.
func testDutyTaken(t *testing.T, db *schema.DB) {
	duty := name("duty")
	gone, one, next := register(t, db, work.Node{Node: name("node")}), register(t, db, work.Node{Node: name("node")}), register(t, db, work.Node{Node: name("node")})
	if !holds(t, db, duty, gone) {
		t.Fatal("the duty is not to be had")
	}
	takes := func(by, from work.Tenure, want bool) {
		t.Helper()
		taken, err := inflight.TakeDuty(t.Context(), db, duty, by.Registration, from.Registration)
		if must(t, err); taken != want {
			t.Errorf("it is taken: %v, want %v", taken, want)
		}
	}
	takes(one, gone, false)
	expire(t, db, gone)
	takes(one, gone, true)
	takes(next, gone, false)
	takes(next, one, false)
}

func testDutyGivenUp(t *testing.T, db *schema.DB) {
	duty, duties := name("duty"), inflight.NewDuties(db)
	one, next := register(t, db, work.Node{Node: name("node")}), register(t, db, work.Node{Node: name("node")})
	if !holds(t, db, duty, one) {
		t.Fatal("the duty is not to be had")
	}
	must(t, duties.GiveUp(t.Context(), duty, next.Registration)) // it is not its
	if holds(t, db, duty, next) {
		t.Error("a duty is given up by one that does not have it")
	}
	must(t, duties.GiveUp(t.Context(), duty, one.Registration))
	if !holds(t, db, duty, next) {
		t.Error("the next one does not get a duty that was given up")
	}
}

// testDutyFenced: a registration that has ended gets no duty, neither a new one nor that of another.
func testDutyFenced(t *testing.T, db *schema.DB) {
	duty := name("duty")
	fenced, one := register(t, db, work.Node{Node: name("node")}), register(t, db, work.Node{Node: name("node")})
	expire(t, db, fenced)
	if holds(t, db, duty, fenced) {
		t.Error("one that has expired gets a duty that nobody has had")
	}
	if !holds(t, db, duty, one) {
		t.Fatal("the duty is not to be had")
	}
	expire(t, db, one)
	if holds(t, db, duty, fenced) {
		t.Error("one that has expired gets another's duty")
	}
}

// testDutyHeld: what is held already costs one statement that changes nothing, for who holds it and for others.
func testDutyHeld(t *testing.T, db *schema.DB) {
	duty := name("duty")
	one, other := register(t, db, work.Node{Node: name("node")}), register(t, db, work.Node{Node: name("node")})
	holds(t, db, duty, one)
	before := db.Stats()
	if !holds(t, db, duty, one) || holds(t, db, duty, other) {
		t.Error("the duty is not the first one's alone")
	}
	if after := db.Stats(); after.Statements-before.Statements != 2 || after.Transactions != before.Transactions {
		t.Errorf("two questions cost %d statements and %d transactions", after.Statements-before.Statements, after.Transactions-before.Transactions)
	}
}

package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestE2E_Crash kills the only node with orders under way, and starts another.
func TestE2E_Crash(t *testing.T) { onEachDatabase(t, testCrash) }

func testCrash(t *testing.T, db string) {
	const orders = 120
	flags := append(quickLeases(db), "--step-duration", "300ms", "--step-failure-rate", "0.1", "--max-interruptions", "20")
	first := start(t, db, flags...)
	placed := first.api().place(orders)
	eventually(t, func() (bool, string) {
		s := first.stat()
		return s.Busy > s.Slots/2 && s.Orders["Pending"]+s.Orders["Completed"] < orders, fmt.Sprintf("work does not get under way: %+v", s)
	})
	first.Kill()

	second := start(t, db, flags...)
	began := time.Now()
	second.untilEnded(orders)
	t.Logf("all ended %s after the restart", time.Since(began).Round(10*time.Millisecond))

	interrupted := 0
	for _, o := range placed {
		events := second.api().history(o.id)
		checkNoOverlap(t, o.id, events)
		checkEnd(t, o.id, events)
		for _, e := range events {
			// A busy machine may make the second node miss a short lease too.
			if e.Type == "StepInterrupted" && e.Node == first.Node {
				interrupted++
				if want := "the lease of node " + first.Node + " expired"; e.Reason != want {
					t.Errorf("order %s was interrupted because %q, want %q", o.id, e.Reason, want)
				}
			}
		}
	}
	t.Logf("%d attempts were interrupted by the kill", interrupted)
	if interrupted == 0 {
		t.Error("the kill interrupted nothing: it proves nothing")
	}
	second.checkToldOfLoss(first.Node)
	must(t, "check", "--dsn", db)
	must(t, "projections", "verify", "--dsn", db)
}

// checkToldOfLoss says whether the node has warned of a lost one, once, and counts it.
func (p *spawned) checkToldOfLoss(lost string) {
	p.t.Helper()
	s := p.stat()
	if n := strings.Count(p.Log(), "a node was lost"); n != int(s.NodesLost) || !strings.Contains(p.Log(), "lost_node="+lost+" ") {
		p.t.Errorf("%d warnings of lost nodes and %d counted; want as many, and one of %s", n, s.NodesLost, lost)
	}
	if s.TakeOvers == 0 || s.StepsInterrupted == 0 {
		p.t.Errorf("the node counts %d orders taken over and %d interrupted steps, want some", s.TakeOvers, s.StepsInterrupted)
	}
}

// checkEnd says whether an order ended as it should, leaving out what was interrupted:
// Completed, or every completed step and the failed one rolled back in reverse.
func checkEnd(t *testing.T, id string, events []event) {
	t.Helper()
	var words []string
	failing := len(stepNames)
	for i, e := range events {
		interrupted := e.Type == "StepStarted" && slices.ContainsFunc(events[i:], func(x event) bool {
			return x.Type == "StepInterrupted" && x.Step == e.Step && x.Attempt == e.Attempt
		})
		if interrupted || e.Type == "StepInterrupted" {
			continue
		}
		if e.Type == "StepFailed" {
			failing = slices.Index(stepNames, e.Step)
		}
		word := e.Type
		if strings.HasPrefix(e.Type, "Step") {
			word += " " + e.Step + " 1"
		}
		words = append(words, word)
	}
	if want := wantHistory(failing); !slices.Equal(words, want) {
		t.Errorf("order %s, without its interruptions:\n got %q\nwant %q", id, words, want)
	}
}

// TestE2E_Cluster has three processes share one file, and kills one of them.
func TestE2E_Cluster(t *testing.T) { onEachDatabase(t, testCluster) }

func testCluster(t *testing.T, db string) {
	orders := 36
	if isServer(db) { // enough for as long as the nodes' connections take to warm up
		orders = 150
	}
	flags := []string{"--step-duration", "2s", "--step-failure-rate", "0", "--workers", "10"}
	nodes := make([]*spawned, 3)
	for i := range nodes {
		nodes[i] = start(t, db, flags...)
	}
	victim, witness := nodes[0], nodes[1]
	placed := witness.api().place(orders)
	eventually(t, func() (bool, string) {
		all, said := true, ""
		for _, p := range nodes {
			running := witness.running(p.Node)
			all = all && running >= 5
			said += fmt.Sprintf("; node %s works on %d orders", p.Node, running)
		}
		return all, "the nodes do not share the work" + said
	})
	killed := time.Now()
	victim.Kill()
	witness.untilEnded(orders)

	worked, slowest, interrupted, taken := map[string]int{}, time.Duration(0), 0, 0
	for _, o := range placed {
		events := witness.api().history(o.id)
		checkNoOverlap(t, o.id, events)
		checkEnd(t, o.id, events)
		for _, e := range events {
			switch {
			case e.Type == "StepInterrupted":
				interrupted++
			case e.Type == "StepStarted" && e.Attempt > 1:
				taken++
				slowest = max(slowest, e.at.Sub(killed))
			case e.Type == "StepStarted":
				worked[e.Node]++
			}
		}
	}
	// With the default lease they are promised to be taken over within 10 s, which the scenarios of chaos hold.
	t.Logf("steps by node: %v; of the killed one %d were interrupted and %d taken over, the last %s after the kill",
		worked, interrupted, taken, slowest.Round(time.Millisecond))
	if len(worked) != len(nodes) {
		t.Errorf("%d nodes worked, want all %d: %v", len(worked), len(nodes), worked)
	}
	if interrupted == 0 || taken < interrupted {
		t.Errorf("%d steps were interrupted and %d taken over; want some, and all of them", interrupted, taken)
	}
	must(t, "check", "--dsn", db)
}

// running is how many steps of a node are running, as customers see it.
func (p *spawned) running(node string) (n int) {
	p.t.Helper()
	var page struct {
		Orders []struct {
			Steps []struct{ Status, Node string } `json:"steps"`
		} `json:"orders"`
	}
	p.api().get("/v1/orders?limit=200&node="+node, &page)
	for _, o := range page.Orders {
		for _, s := range o.Steps {
			if s.Status == "Running" && s.Node == node {
				n++
			}
		}
	}
	return n
}

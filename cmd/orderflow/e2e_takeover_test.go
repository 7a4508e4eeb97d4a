package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// checkToldOfLoss says whether those who are left warn of a lost node, each of them once at most, and count it and
// what they took over.
func checkToldOfLoss(t *testing.T, lost string, left ...*spawned) {
	t.Helper()
	warned := regexp.MustCompile(`(?m)^.*a node was lost.*lost_node=` + lost + ` .*$`)
	told, all := 0, stat{}
	for _, p := range left {
		s, n := p.stat(), len(warned.FindAllString(p.Log(), -1))
		if n > 1 {
			t.Errorf("node %s warned %d times of the lost node %s", p.Node, n, lost)
		}
		told += n
		all.NodesLost, all.TakeOvers, all.StepsInterrupted = all.NodesLost+s.NodesLost, all.TakeOvers+s.TakeOvers, all.StepsInterrupted+s.StepsInterrupted
	}
	if told == 0 || all.NodesLost == 0 || all.TakeOvers == 0 || all.StepsInterrupted == 0 {
		t.Errorf("%d warned, and together they count %d lost nodes, %d orders taken over and %d interrupted steps, want some of each",
			told, all.NodesLost, all.TakeOvers, all.StepsInterrupted)
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

// TestE2E_Cluster has three processes share one database, and kills one of them.
func TestE2E_Cluster(t *testing.T) { onEachDatabase(t, testCluster) }

func testCluster(t *testing.T, db string) {
	orders := 36
	if isServer(db) { // enough for as long as the nodes' connections take to warm up
		orders = 150
	}
	flags := []string{"--step-duration", "2s", "--step-failure-rate", "0.1", "--workers", "10"}
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
				if want := "the lease of node " + victim.Node + " expired"; e.Node == victim.Node && e.Reason != want {
					t.Errorf("order %s was interrupted because %q, want %q", o.id, e.Reason, want)
				}
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
	checkToldOfLoss(t, victim.Node, nodes[1:]...)
	must(t, "check", "--dsn", db)
	must(t, "projections", "verify", "--dsn", db)
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

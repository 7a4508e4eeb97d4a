package main

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"orderflow/handlers/diagnosis"
)

// TestE2E_Diagnose has two nodes of one worker each work on an order each, kills one and stops the other, and asks all
// the while why orders do not move: the command, and a node that lives.
func TestE2E_Diagnose(t *testing.T) { onEachDatabase(t, testDiagnose) }

func testDiagnose(t *testing.T, db string) {
	lease := "8s"
	if isServer(db) {
		lease = "20s"
	}
	flags := []string{"--workers", "1", "--step-duration", "2h", "--step-timeout", "3h", "--lease-ttl", lease, "--drain-timeout", "1h"}
	first := start(t, db, flags...)
	a := first.api().place(1)[0].id
	first.untilDiagnosed(db, a, diagnosis.Progressing, diagnosis.Running)
	b := first.api().place(1)[0].id
	said := first.untilDiagnosed(db, b, diagnosis.WaitingForCapacity, diagnosis.WaitingForSlot)
	if w := said.Evidence.Workers; w == nil || w.Slots != 1 || w.Nodes != 1 {
		t.Errorf("of the workers it is said: %+v", w)
	}
	second := start(t, db, flags...)
	said = second.untilDiagnosed(db, b, diagnosis.Progressing, diagnosis.Running)
	if said.Evidence.Node != second.Node || said.Evidence.Step != "Scheduling" {
		t.Errorf("node %s has order %s in hand, and it is said: %+v", second.Node, b, said.Evidence)
	}
	first.Kill()
	second.untilTold(a, diagnosis.Waiting, diagnosis.OwnerSilent)
	said = second.untilDiagnosed(db, a, diagnosis.Waiting, diagnosis.OwnerLost)
	if said.Evidence.Node != first.Node {
		t.Errorf("node %s was killed, and it is said: %+v", first.Node, said.Evidence)
	}
	if status, _, body := second.admin().call(http.MethodGet, "/v1/orders/01890000-0000-7000-8000-000000000000/diagnosis", ""); status != http.StatusNotFound || !strings.Contains(string(body), "tracking_id") {
		t.Errorf("of an order that there is not: %d %s", status, body)
	}
	second.signal(syscall.SIGTERM)
	said = second.untilDiagnosed(db, a, diagnosis.Blocked, diagnosis.AllNodesDraining)
	if !slices.Equal(said.Others, []diagnosis.Reason{diagnosis.OwnerLost}) {
		t.Errorf("true as well is said to be: %v", said.Others)
	}
	second.untilDiagnosed(db, b, diagnosis.Progressing, diagnosis.Running) // it may finish the step
	second.Kill()
	for _, id := range []string{a, b} {
		eventually(t, func() (bool, string) {
			d := diagnosed(t, db, id)
			return d.Verdict == diagnosis.Blocked && d.Reason == diagnosis.NoWorkerAlive && slices.Contains(d.Others, diagnosis.OwnerLost), d.Summary
		})
	}
}

// diagnosed is what the command says of an order. It runs in this process, since it is asked often.
func diagnosed(t *testing.T, db, id string) (a diagnosis.Answer) {
	t.Helper()
	r := call("orders", "diagnose", id, "--dsn", db, "--json")
	if r.code != exitDone {
		t.Fatalf("the command exited %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	decode(t, r.stdout, &a)
	return a
}

// untilTold asks the node until it tells a reason.
func (p *spawned) untilTold(id string, verdict diagnosis.Verdict, reason diagnosis.Reason) (said diagnosis.Answer) {
	p.t.Helper()
	eventually(p.t, func() (bool, string) {
		said = diagnosis.Answer{}
		status, _, body := p.admin().call(http.MethodGet, "/v1/orders/"+id+"/diagnosis", "")
		if status == http.StatusServiceUnavailable { // an engine's first answer on a connection may take longer than a node waits
			return false, string(body)
		}
		decode(p.t, string(body), &said)
		return said.Verdict == verdict && said.Reason == reason, fmt.Sprintf("want %s, and it is said: %s", reason, body)
	})
	return said
}

// untilDiagnosed asks the node until it tells a reason, and the command tells it after it.
func (p *spawned) untilDiagnosed(db, id string, verdict diagnosis.Verdict, reason diagnosis.Reason) (said diagnosis.Answer) {
	p.t.Helper()
	eventually(p.t, func() (bool, string) {
		said = p.untilTold(id, verdict, reason)
		command := diagnosed(p.t, db, id)
		return command.Verdict == verdict && command.Reason == reason, fmt.Sprintf("want %s, and the command says %+v", reason, command)
	})
	return said
}

// TestE2E_Surveys: of two nodes one surveys the orders for all, and when it dies the other one does. It takes as long as
// it takes a node to come to its next survey, and so it runs only if ORDERFLOW_TEST_LONG is set.
func TestE2E_Surveys(t *testing.T) {
	if os.Getenv("ORDERFLOW_TEST_LONG") == "" {
		t.Skip("takes long; set ORDERFLOW_TEST_LONG")
	}
	onEachDatabase(t, testSurveys)
}

func testSurveys(t *testing.T, db string) {
	flags := []string{"--workers", "1", "--step-duration", "2h", "--step-timeout", "3h"}
	nodes := []*spawned{start(t, db, flags...), start(t, db, flags...)}
	nodes[0].api().place(3) // of which one waits for a worker
	surveying := func(p *spawned) bool {
		return strings.Contains(string(p.admin().get("/metrics", nil)), `orderflow_orders_waiting{reason="running"} `)
	}
	holder := func() *spawned {
		t.Helper()
		var found []*spawned
		eventually(t, func() (bool, string) {
			found = slices.DeleteFunc(slices.Clone(nodes), func(p *spawned) bool { return !surveying(p) })
			return len(found) == 1, fmt.Sprintf("%d nodes have surveyed", len(found))
		})
		return found[0]
	}
	first := holder()
	var s diagnosis.Survey
	eventually(t, func() (bool, string) {
		s = diagnosis.Survey{}
		decode(t, must(t, "orders", "diagnose", "--all", "--dsn", db, "--json"), &s)
		return s.Node == first.Node && s.Looked == 3 && len(s.Reasons) == 2 && s.Reasons[0].Orders == 2 && s.Reasons[1].Reason == diagnosis.WaitingForSlot, fmt.Sprintf("it is said: %+v", s)
	})
	first.Kill()
	nodes = slices.DeleteFunc(nodes, func(p *spawned) bool { return p == first })
	if second := holder(); second == first {
		t.Error("who was killed surveys")
	}
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/projections/cluster"
)

// TestStatus looks at what the command prints and at its exit codes: without a node, and beside one.
func TestStatus(t *testing.T) {
	db := database(t)
	if r := call("status", "--dsn", db); r.code != exitFailed || !strings.Contains(r.stdout, "SOMETHING IS WRONG\n- no live node has the role api: nobody takes orders") {
		t.Errorf("without a node it exits %d:\n%s%s", r.code, r.stdout, r.stderr)
	}
	n := runHere(t, db, "--node-id", "one", "--workers", "7")
	n.untilReadyz(http.StatusOK, "")
	r := call("status", "--dsn", db)
	if r.code != exitDone || !strings.Contains(r.stdout, ": nothing is wrong\n\nNODE  STATE") || !strings.Contains(r.stdout, "\none   alive  0/7 ") {
		t.Errorf("beside a node it exits %d:\n%s%s", r.code, r.stdout, r.stderr)
	}
	var a, over cluster.Answer
	if err := json.Unmarshal([]byte(call("status", "--dsn", db, "--json").stdout), &a); err != nil || len(a.Nodes) != 1 || len(a.Last) != 3 {
		t.Errorf("as JSON: %+v, err %v", a, err)
	}
	code, text := n.ask(http.MethodGet, n.Addresses().AdminURL()+"/v1/cluster", "")
	if err := json.Unmarshal([]byte(text), &over); err != nil || code != http.StatusOK || len(over.Nodes) != 1 || over.Retention.Keep != 24*3600 {
		t.Errorf("the node answers %d %s, err %v", code, text, err)
	}
	for path, want := range map[string]string{"/ui": ">All is well", "/ui/overview/nodes.csv": "\none,1,alive,"} {
		if code, text := n.ask(http.MethodGet, n.Addresses().AdminURL()+path, ""); code != http.StatusOK || !strings.Contains(text, want) {
			t.Errorf("%s answers %d and not %q:\n%s", path, code, want, text)
		}
	}
}

// TestStatus_counted: what a node recorded is told after it has stopped.
func TestStatus_counted(t *testing.T) {
	db := database(t)
	n := runHere(t, db, "--node-id", "one")
	n.untilReadyz(http.StatusOK, "")
	for range 3 {
		if code, text := n.place(`{}`); code != http.StatusAccepted {
			t.Fatalf("an order is answered %d %s", code, text)
		}
	}
	eventually(t, func() (bool, string) {
		_, text := n.ask(http.MethodGet, n.Addresses().API()+"/v1/orders?status=Completed", "")
		return strings.Count(text, `"status":"Completed","current`) == 3, text
	})
	if err := n.end(); err != nil {
		t.Fatal(err)
	}
	var a cluster.Answer
	if err := json.Unmarshal([]byte(call("status", "--dsn", db, "--json").stdout), &a); err != nil || len(a.Last) != 3 {
		t.Fatalf("%+v, err %v", a, err)
	}
	day := a.Last[2]
	if step := day.Steps[0]; day.Placed != 3 || step.Wait.Count != 3 || step.Run.Count != 3 || step.Run.P50 <= 0 || day.Completed != 3 {
		t.Errorf("of three orders is told %+v", day)
	}
	if len(a.Nodes) != 0 {
		t.Errorf("a node that was stopped is told: %+v", a.Nodes)
	}
}

// TestStatus_print: the page has 80 columns at most, however large the figures are, and shows each part.
func TestStatus_print(t *testing.T) {
	var page bytes.Buffer
	if err := printStatus(&output{w: &page, notes: &page}, largeCluster()); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(page.String(), "minutes that have ended") {
		t.Errorf("longer times have more than the minute, and the page explains why not:\n%s", page.String())
	}
	for line := range strings.Lines(page.String()) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, " \n")); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	for _, want := range []string{"a-node-with-a-l…", "10000+", "(paused)", "4h13m", "orders", "by node n", "- alarm node_lost of n, acknowledged: it is gone\n", "123.5 MB",
		": nothing is wrong\n", "\nProcessing is paused since 2026-11-28 07:00:00.000, by operator:ann: it is hot\n"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page does not show %q:\n%s", want, page.String())
		}
	}
}

// largeCluster is an answer with large figures.
func largeCluster() cluster.Answer {
	oldest, at := 15200.0, time.Date(2026, 11, 28, 7, 0, 0, 0, time.UTC)
	a := cluster.Answer{
		AsOf: at, Wanted: []cluster.Wanted{{Of: "Processing", What: "paused", Actor: "operator:ann", Reason: "it is hot", Since: at}},
		Alarms: []cluster.Alarm{{Alarm: "node_lost", State: work.AlarmAcknowledged, Subject: "n", What: "it is gone"}},
		Nodes: []cluster.Node{{Node: "a-node-with-a-long-name-indeed", State: cluster.Draining, Roles: []string{"api", "worker", "projector"}, Slots: 1000, Busy: 1000, HeartbeatAge: 0.87,
			Version: "v12.34.56-rc1-127-g0123456-dirty"}},
		Queues:      &cluster.Waiting{AsOf: at, Node: "n"},
		Projections: []cluster.Projection{{Projection: "orders_next", Lag: 123456789, LagSeconds: oldest, Trend: cluster.Shrinking, Position: 12345678901, Head: 12345678901}, {Projection: "orders"}},
		Retention:   cluster.Retention{KeptFrom: at}, Storage: &cluster.Storage{Bytes: 123_456_789},
	}
	for _, topic := range []string{"scheduling", "pre-processing", "processing", "post-processing", "rollback"} {
		a.Queues.Topics = append(a.Queues.Topics, cluster.TopicQueue{Topic: topic, Waiting: cluster.Most, More: true, Oldest: &oldest, Paused: true, Returned: 10000, InFlight: 10000, DeadLetters: cluster.Most, MoreDeadLetters: true})
		a.Queues.InFlight = append(a.Queues.InFlight, cluster.InHand{Topic: topic, Node: a.Nodes[0].Node, Count: 1000})
	}
	slow := cluster.Quantiles{Count: 1e9, P50: oldest, P95: oldest, P99: oldest}
	for i, seconds := range []float64{60, 900, 86400} {
		p := cluster.Period{Name: []string{cluster.Minute, "quarter", cluster.Day}[i], Seconds: seconds, Happened: cluster.Happened{Placed: int64(999 * seconds), Completed: int64(999 * seconds), Failed: 9999999, Cancelled: 99999, Parked: 9999, StepInterrupted: 99999, TakenOver: 99999}}
		for _, step := range domain.Steps() {
			p.Steps = append(p.Steps, cluster.StepTimes{Step: step, Wait: slow, Run: slow})
		}
		a.Last = append(a.Last, p)
	}
	return a
}

// TestStatus_firstMinute: what the last minute has, and no minute that has ended, is explained.
func TestStatus_firstMinute(t *testing.T) {
	a := cluster.Answer{Last: []cluster.Period{{Name: cluster.Minute, Seconds: 60, Happened: cluster.Happened{Placed: 3}}, {Name: "quarter", Seconds: 900}, {Name: cluster.Day, Seconds: 86400}}}
	var page bytes.Buffer
	if err := printStatus(&output{w: &page, notes: &page}, a); err != nil || !strings.Contains(page.String(), "\nThe rows below the first count only minutes that have ended.\n") {
		t.Errorf("err %v, the page is:\n%s", err, page.String())
	}
}

// TestStatus_watch: on a terminal each page takes the place of the one before, and elsewhere it is written below it.
func TestStatus_watch(t *testing.T) {
	for flag, want := range map[string]time.Duration{"--watch": watchEvery, "--watch=0.5": time.Second / 2} {
		if c, err := parse(t, "status", flag, "--dsn", "x.db"); err != nil || time.Duration(c.Status.Watch) != want {
			t.Errorf("%s is %s, err %v", flag, time.Duration(c.Status.Watch), err)
		}
	}
	for _, flag := range []string{"--watch=0", "--watch=soon"} {
		if _, err := parse(t, "status", flag); err == nil {
			t.Errorf("%s is taken", flag)
		}
	}
	var plain, terminal bytes.Buffer
	for range 2 {
		if redraw(&plain, []byte("this\n")) != nil || redraw(screen{&terminal}, []byte("page\x1b\n")) != nil {
			t.Fatal("it cannot be written")
		}
	}
	if plain.String() != strings.Repeat("this\n", 2) || terminal.String() != strings.Repeat("\x1b[H\x1b[2Jpage\\u001b\n", 2) {
		t.Errorf("plain %q, on a terminal %q", plain.String(), terminal.String())
	}

	var c statusCmd
	c.DSN, c.Watch = database(t), watch(50*time.Millisecond)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	printed, ended := &buffer{}, make(chan error)
	go func() { ended <- c.Run(ctx, &output{w: printed, notes: printed}) }()
	eventually(t, func() (bool, string) {
		return strings.Count(printed.String(), "SOMETHING IS WRONG") >= 2, printed.String()
	})
	interrupt()
	if err := <-ended; err != nil && !errors.Is(err, errFound) {
		t.Errorf("interrupted, it gives %v", err)
	}
}

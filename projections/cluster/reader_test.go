package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

// readerOf reads a database where operators want what controls says.
func readerOf(db *schema.DB, controls work.Controls, alarms ...work.Alarm) *Reader {
	return NewReader(Config{
		DB: db, Group: "workers", Undone: map[string]string{"api": "nobody answers"}, Keep: time.Hour, HistoryWait: 30 * time.Second,
		Controls: func(context.Context) (work.Controls, error) { return controls, nil },
		Alarms:   func(context.Context, int) ([]work.Alarm, error) { return alarms, nil },
		Severity: func(work.AlarmCode) string { return "warning" },
		Watched: func(context.Context) (Watched, error) {
			return Watched{Late: len(alarms) > 0, Ever: true, Ago: 90 * time.Second}, nil
		},
		NodeLost: "node_lost",
		Missing: func(nodes []work.Node) (missing []string) {
			if !slices.ContainsFunc(nodes, func(n work.Node) bool { return !n.Expired && strings.Contains(n.Roles, "api") }) {
				missing = append(missing, "api")
			}
			return missing
		},
	})
}

// node registers a node that was heard of so long ago, and whose lease ends in a minute from then.
func node(t *testing.T, db *schema.DB, name string, epoch int, state string, ago time.Duration, measured string) {
	t.Helper()
	exec(t, db, `INSERT INTO nodes (node, epoch, state, slots, busy, host, pid, version, roles, admin, started_at, heartbeat_at, expires_at, event_level, measured)
		VALUES (?1, ?2, ?3, 5, 2, 'h', 1, 'v', 'worker,projector', 'a', `+db.Dialect().NowPlus("?4")+`, `+db.Dialect().NowPlus("?4")+`, `+db.Dialect().NowPlus("?5")+`, 9, ?6)`,
		name, epoch, state, -ago.Milliseconds(), (time.Minute - ago).Milliseconds(), measured)
}

// TestReader: what nodes are, what they counted, what waits, and what is wrong.
func TestReader(t *testing.T) {
	schematest.OnEach(t, 1, map[string]func(*testing.T, *schema.DB){"the cluster": testReader})
}

func testReader(t *testing.T, db *schema.DB) {
	measured, _ := placed(3).Window()
	node(t, db, "b", 1, work.NodeActive, time.Second, measured)
	node(t, db, "a", 3, work.NodeDraining, time.Second, measured)
	node(t, db, "c", 1, work.NodeActive, time.Second, "{}")
	node(t, db, "gone", 1, work.NodeActive, 5*time.Minute, measured)
	node(t, db, "back", 1, work.NodeLost, 5*time.Minute, measured)
	node(t, db, "back", 2, work.NodeActive, time.Second, "")
	node(t, db, "stopped", 1, work.NodeStopped, time.Second, measured)
	node(t, db, "old", 1, work.NodeLost, 2*time.Hour, measured)
	must(t, NewMinutes(db).Write(t.Context(), "b", placed(40)))
	exec(t, db, `INSERT INTO consumer_offsets (consumer_group, topic, partition, position) VALUES ('workers', 'scheduling', 0, 1)`)
	message(t, db, "scheduling", 0, 1, 3, time.Minute)
	inHand(t, db, "scheduling", 1, "b")

	controls := work.Controls{
		{Kind: work.ControlNode, Name: "c", Value: work.ControlCordoned}, {Kind: work.ControlNode, Name: "gone", Value: work.ControlCordoned},
		{Kind: work.ControlEnd, Name: "a", Epoch: 3, Value: work.ControlDraining}, {Kind: work.ControlEnd, Name: "b", Epoch: 0, Value: work.ControlStopping},
		{Kind: work.ControlStep, Name: "Scheduling", Value: work.ControlPaused, Actor: "operator:ann", Reason: "hot", SetAt: at(0)},
	}
	raised := work.Alarm{Code: "order_stuck", Subject: "7", What: "it stands"}
	seen := raised
	seen.AcknowledgedAt = time.Now()
	a, err := readerOf(db, controls, raised, seen).Read(t.Context())
	must(t, err)
	var states []string
	for _, n := range a.Nodes {
		states = append(states, fmt.Sprintf("%s/%d %s", n.Node, n.Epoch, n.State))
	}
	if got, want := strings.Join(states, ", "), "a/3 draining, b/1 alive, back/2 alive, c/1 cordoned, gone/1 lost"; got != want {
		t.Errorf("the nodes are %s, want %s", got, want)
	}
	if got, want := fmt.Sprint(a.Wanted), fmt.Sprintf("[{Scheduling paused operator:ann hot %v} {a draining   %v} {c cordoned   %v}]", at(0), time.Time{}, time.Time{}); got != want {
		t.Errorf("wanted is %s, want %s", got, want)
	}
	if q := a.Queues.Topics[0]; q.Waiting != 2 || !q.Paused || q.InFlight != 1 || q.Oldest == nil || *q.Oldest < 59 || a.Queues.Topics[1].Paused {
		t.Errorf("the first queue is %+v", q)
	}
	// The node that stopped tells of its last minute too.
	if len(a.Last) != 3 || a.Last[0].Placed != 9 || a.Last[1].Placed != 40 || a.Last[2].Placed != 40 || a.Last[2].Steps[0].Run.Count != 40 {
		t.Errorf("the periods are %+v", a.Last)
	}
	if got := strings.Join(a.Wrong, "; "); got != "no live node has the role api: nobody answers; no round of the watchdog has succeeded for 1m30s; alarm order_stuck (warning) of 7: it stands" || len(a.Alarms) != 2 || len(a.Unread) > 0 {
		t.Errorf("wrong is %q, unread %v", got, a.Unread)
	}
	if (a.Storage == nil) != (db.Dialect().Name() == "sqlserver") || a.Retention.Keep != 3600 || a.Retention.KeptFrom.IsZero() {
		t.Errorf("storage %+v, retention %+v", a.Storage, a.Retention)
	}
	times, err := readerOf(db, nil).Times(t.Context(), domain.Scheduling)
	if must(t, err); times.Run.Count != 40 || !near(times.Run.P99, 1) || times.Wait.Count != 0 {
		t.Errorf("the step took %+v", times)
	}
}

// TestReader_figure: a fresh figure is told as it is, in every look. Of an old one this process looks itself, and
// somebody should look why no node does.
func TestReader_figure(t *testing.T) {
	db := schematest.SQLite(t)
	node(t, db, "a", 1, work.NodeActive, 0, "")
	for _, c := range []struct {
		age   time.Duration
		node  string
		wrong int
	}{{10 * time.Second, "a", 1}, {20 * time.Second, "", 1}, {40 * time.Second, "", 2}} {
		exec(t, db, `DELETE FROM figures`)
		now, err := NewFigures(db).Now(t.Context())
		must(t, err)
		_, err = NewFigures(db).Write(t.Context(), Figure{Name: FigureQueues, AsOf: now.Add(-c.age), Node: "a", Content: []byte(`{"topics":[{"topic":"scheduling","waiting":10001}]}`)})
		must(t, err)
		r := readerOf(db, nil)
		for look := range 2 {
			a, err := r.Read(t.Context())
			must(t, err)
			if a.Queues.Node != c.node || len(a.Wrong) != c.wrong || a.Queues.AsOf.Before(now.Add(-c.age)) {
				t.Errorf("look %d of a figure that is %s old: by %q as of %s, wrong %v", look, c.age, a.Queues.Node, a.Queues.AsOf, a.Wrong)
			}
			if q := a.Queues.Topics[0]; c.node != "" && (q.Waiting != Most || !q.More) {
				t.Errorf("more than is counted is told as %+v", q)
			}
			r.answer.Every = 0 // as if a second had passed
		}
	}
}

// TestReader_statements: fifty who look for a second cost the database as much as one.
func TestReader_statements(t *testing.T) {
	db := schematest.SQLite(t)
	node(t, db, "a", 1, work.NodeActive, 0, "")
	must(t, NewSurveyor(db, "workers").Pass(t.Context(), "a"))
	r := readerOf(db, nil)
	before := db.Stats().Statements
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			for range 4 {
				if _, err := r.Read(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	const one = 3 // nodes, figure, minutes
	if n := db.Stats().Statements - before; n < one || n > 2*one {
		t.Errorf("200 looks within about a second cost %d statements, want %d", n, one)
	}
	r.answer.Every, r.history.update.begun = 0, r.history.update.begun.Add(-2*atMostEvery) // as if a second had passed
	before = db.Stats().Statements
	if _, err := r.Read(t.Context()); err != nil || db.Stats().Statements-before > one-1 {
		t.Errorf("a second later a look costs %d statements, err %v", db.Stats().Statements-before, err)
	}
}

// TestReader_fails: a part that fails does not fail the rest; an answer that hangs keeps nobody for ever.
func TestReader_fails(t *testing.T) {
	db := schematest.SQLite(t)
	node(t, db, "a", 1, work.NodeActive, 0, "what is this")
	exec(t, db, `ALTER TABLE minutes RENAME TO elsewhere`)
	r := readerOf(db, nil)
	r.conf.Controls = func(context.Context) (work.Controls, error) { return nil, errors.New("locked") }
	a, err := r.Read(t.Context())
	must(t, err)
	var parts []string
	for _, g := range a.Unread {
		parts = append(parts, g.Part)
	}
	if got := strings.Join(parts, ", "); got != "controls, last minute, last day" || len(a.Nodes) != 1 || a.Queues == nil || len(a.Wrong) != 4 {
		t.Errorf("unread are %s, wrong %v", got, a.Wrong)
	}
	exec(t, db, `ALTER TABLE figures RENAME TO nowhere`)
	exec(t, db, `ALTER TABLE nodes RENAME TO nobody`)
	if _, err := readerOf(db, nil).Read(t.Context()); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("where nothing can be read: %v", err)
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		end := make(chan struct{})
		defer close(end)
		hangs := &Reader{}
		hangs.answer.Timeout = time.Minute
		hangs.answer.Ask = func(context.Context) (Answer, error) { <-end; return Answer{}, nil }
		if _, err := hangs.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("of a look that hangs: %v", err)
		}
		reads := &history{update: &update{done: make(chan struct{})}}
		if _, err := reads.read(ctx, at(0)); err == nil || !strings.Contains(err.Error(), "is being read") {
			t.Errorf("of a history that is being read: %v", err)
		}
	})
}

// TestAnswer_judge: what is wrong of projections.
func TestAnswer_judge(t *testing.T) {
	seen, before := at(0), int64(5)
	for name, c := range map[string]struct {
		point  Checkpoint
		before *int64
		wrong  int
	}{
		"up with the log":        {Checkpoint{Position: 9, Head: 9}, nil, 0},
		"behind for a moment":    {Checkpoint{Position: 2, Head: 9, BehindFrom: at(-50)}, nil, 0},
		"behind, and catches up": {Checkpoint{Position: 5, Head: 9, BehindFrom: at(-90)}, &before, 0},
		"behind, and stays so":   {Checkpoint{Position: 4, Head: 9, BehindFrom: at(-90)}, &before, 1},
		"behind, and grows":      {Checkpoint{Position: 3, Head: 9, BehindFrom: at(-90)}, &before, 1},
		"behind, for how long":   {Checkpoint{Position: 3, Head: 9, BehindFrom: at(-90)}, nil, 1},
		"beyond the head":        {Checkpoint{Position: 11, Head: 9}, nil, 1},
	} {
		c.point.Projection = Orders
		a := Answer{Projections: projectionsOf(Queues{Projections: []Checkpoint{c.point}, LagBefore: c.before}, seen)}
		if a.judge(Config{}, Figure{}); len(a.Wrong) != c.wrong {
			t.Errorf("%s: wrong is %v", name, a.Wrong)
		}
	}
}

// TestAnswer_idled: that orders wait is wrong where nobody may begin them, and nobody has paused their step.
func TestAnswer_idled(t *testing.T) {
	worker := []string{"api", "worker"}
	for name, c := range map[string]struct {
		nodes  []Node
		topic  TopicQueue
		gone   bool // the queues could not be read
		wrongs int
	}{
		"one works":     {[]Node{{State: Cordoned, Roles: worker}, {State: Alive, Roles: worker}}, TopicQueue{Waiting: 1}, false, 0},
		"none works":    {[]Node{{State: Cordoned, Roles: worker}, {State: Draining, Roles: worker}, {State: Lost, Roles: worker}, {State: Alive, Roles: []string{"api"}}}, TopicQueue{Waiting: 1}, false, 1},
		"given back":    {[]Node{{State: Cordoned, Roles: worker}}, TopicQueue{Returned: 1}, false, 1},
		"nothing waits": {[]Node{{State: Cordoned, Roles: worker}}, TopicQueue{InFlight: 1, DeadLetters: 1}, false, 0},
		"paused":        {[]Node{{State: Cordoned, Roles: worker}}, TopicQueue{Waiting: 1, Paused: true}, false, 0},
		"none lives":    {[]Node{{State: Lost, Roles: worker}}, TopicQueue{Waiting: 1}, false, 0}, // that is a role that is missing
		"not known":     {[]Node{{State: Cordoned, Roles: worker}}, TopicQueue{}, true, 0},
	} {
		a := Answer{Nodes: c.nodes, Queues: &Waiting{Topics: []TopicQueue{c.topic}}}
		if c.gone {
			a.Queues = nil
		}
		if a.judge(Config{}, Figure{}); len(a.Wrong) != c.wrongs {
			t.Errorf("%s: wrong is %v", name, a.Wrong)
		}
	}
}

// TestReader_lies: what this process finds, a node that was lost a moment ago, and a watchdog that nobody has ever seen are
// wrong before any alarm can say so.
func TestReader_lies(t *testing.T) {
	db := schematest.SQLite(t)
	node(t, db, "lives", 1, work.NodeActive, time.Second, "")
	node(t, db, "gone", 1, work.NodeActive, 64*time.Second, "")
	node(t, db, "seen", 1, work.NodeLost, 64*time.Second, "")
	node(t, db, "before", 1, work.NodeLost, 3*time.Minute, "")
	r := readerOf(db, nil, work.Alarm{Code: "node_lost", Subject: "seen", AcknowledgedAt: time.Now()})
	r.conf.Trouble = func() []string { return []string{"the disk is full"} }
	r.conf.Watched = func(context.Context) (Watched, error) { return Watched{}, nil }
	a, err := r.Read(t.Context())
	must(t, err)
	if got, want := strings.Join(a.Wrong, "; "), "the disk is full; no live node has the role api: nobody answers; node gone was lost: nothing was heard of it for 64.0 s"; got != want || a.WatchdogLate {
		t.Errorf("wrong is %q, want %q", got, want)
	}
	exec(t, db, `UPDATE nodes SET started_at = `+db.Dialect().NowPlus("?1")+` WHERE node = 'lives'`, -(3 * time.Minute).Milliseconds())
	r.answer.Every = 0 // as if a second had passed
	a, err = r.Read(t.Context())
	must(t, err)
	if !a.WatchdogLate || !slices.Contains(a.Wrong, "no round of the watchdog has ever succeeded: nobody watches") {
		t.Errorf("while nobody watches, wrong is %v", a.Wrong)
	}
}

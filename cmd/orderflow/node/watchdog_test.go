package node

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus/hooks/test"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/eventstore"
	"orderflow/handlers/operate"
	"orderflow/projections/tail"
	"orderflow/projections/verify"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

// ward is a database with an order, nodes and a watchdog, of which a test breaks one thing at a time.
type ward struct {
	*patient
	dog  *watchdog
	full bool // the disk
	said *test.Hook
}

func newWard(t testing.TB, db *schema.DB) *ward {
	t.Helper()
	must(t, db.InTx(t.Context(), func(tx *schema.Tx) error { // what is broken is in the one partition
		_, err := tx.ExecContext(t.Context(), `DELETE FROM heads WHERE partition > 0`)
		return err
	}))
	w := &ward{patient: newPatient(t, db)}
	log, said := test.NewNullLogger()
	w.said, w.dog = said, newWatchdog(db, w.store, 15*time.Second, log.WithField("part", "watchdog"))
	w.dog.disk = func(string) (disk, error) {
		return map[bool]disk{true: {1 << 30, 100 << 30}, false: {90 << 30, 100 << 30}}[w.full], nil
	}
	w.ahead = 0
	w.join("a", "api,worker,projector", 3)
	u, err := work.Prepare(w.order(), domain.Metadata{}, domain.Place{TrackingID: "t"})
	must(t, err)
	u.Reservations = []work.Reservation{{Key: domain.ReservedKey("", domain.KeyTracking, "t"), Fingerprint: fingerprint("t")}}
	_, err = w.store.Append(t.Context(), u)
	must(t, err)
	w.project()
	return w
}

// project has the views follow.
func (w *ward) project() {
	w.t.Helper()
	_, err := tail.NewProjector(w.db, w.store, tail.Config{}).Round(w.t.Context())
	must(w.t, err)
}

// tamper changes what triggers protect, and puts the triggers back.
func (w *ward) tamper(query string, args ...any) {
	w.t.Helper()
	definitions := `SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN ('events', 'reservations')`
	if w.db.Dialect().Name() == "sqlserver" {
		definitions = `SELECT m.definition FROM sys.triggers r JOIN sys.sql_modules m ON m.object_id = r.object_id WHERE r.name LIKE '%append_only' AND r.name NOT LIKE 'operations%'`
	}
	triggers := w.texts(definitions)
	schematest.Unprotect(w.t, w.db)
	w.exec(query, args...)
	for _, definition := range triggers {
		w.exec(definition)
	}
}

func (w *ward) texts(query string, args ...any) (all []string) {
	w.t.Helper()
	rows, err := w.db.QueryContext(w.t.Context(), query, args...)
	must(w.t, err)
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var text string
		must(w.t, rows.Scan(&text))
		all = append(all, text)
	}
	must(w.t, rows.Err())
	return all
}

// forge gives the order's last event another content, with the hash that fits, and gives what takes it back.
func (w *ward) forge(data string) (undo func()) {
	w.t.Helper()
	events, err := w.store.Load(w.t.Context(), w.id)
	must(w.t, err)
	was := events[len(events)-1]
	is, before := was, []byte(nil)
	if is.Data = []byte(data); len(events) > 1 {
		before = events[len(events)-2].Hash
	}
	write := func(r domain.Recorded) {
		w.tamper(`UPDATE events SET data = ?3, hash = ?4 WHERE stream_id = ?1 AND version = ?2`, w.id[:], r.Version, string(r.Data), eventstore.Hash(before, r))
	}
	write(is)
	return func() { write(was) }
}

// round does a round, and says which alarms it raised and cleared.
func (w *ward) round() (raised, cleared []work.AlarmCode) {
	w.t.Helper()
	w.said.Reset()
	_ = w.dog.round(w.t.Context()) // what could not be looked at is an alarm after a while
	for _, e := range w.said.AllEntries() {
		code := e.Data["alarm"].(work.AlarmCode)
		if strings.HasPrefix(e.Message, "alarm raised") {
			raised = append(raised, code)
		} else {
			cleared = append(cleared, code)
		}
	}
	return raised, cleared
}

// fire is a cause of an alarm.
type fire struct {
	code  work.AlarmCode
	what  string                     // is told
	also  []work.AlarmCode           // that the cause brings with it
	light func(w *ward) (out func()) // nil: it is not to be had here
}

// TestWatchdog_fires fires each alarm once on purpose. It is raised, acknowledged, and cleared when its cause is gone.
func TestWatchdog_fires(t *testing.T) {
	var fired []work.AlarmCode
	for _, f := range fires() {
		fired = append(fired, f.code)
	}
	for _, k := range operate.AlarmKinds() {
		if !slices.Contains(fired, k.Code) {
			t.Errorf("the alarm %s is never fired", k.Code)
		}
	}
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		w := newWard(t, open(t))
		w.dog.still = 0
		for range 2 { // the first notes where the log ends
			if raised, _ := w.round(); len(raised) > 0 {
				t.Fatalf("nothing is wrong, and there are the alarms %v: %s", raised, w.said.LastEntry().Message)
			}
		}
		for _, f := range fires() {
			if ok := t.Run(string(f.code)+" "+f.what, func(t *testing.T) { w.burns(t, f) }); !ok {
				return // it may still burn
			}
		}
	})
}

// burns fires one alarm, and puts it out.
func (w *ward) burns(t *testing.T, f fire) {
	w.t = t
	out := f.light(w)
	if out == nil {
		t.Skip("there is none in this dialect")
	}
	alarms := AlarmsOf(w.db)
	var open []operate.AlarmAnswer
	for n := 0; len(open) == 0 && n < 3; n++ { // one is found by comparing two rounds
		w.round()
		page, err := alarms.List(t.Context(), false, 100, "")
		must(t, err)
		open = page.Alarms
	}
	var found *operate.AlarmAnswer
	for i, a := range open {
		switch {
		case a.Alarm == f.code && regexp.MustCompile(f.what).MatchString(a.What):
			found = &open[i]
		case a.Alarm != f.code && !slices.Contains(f.also, a.Alarm):
			t.Errorf("there is also the alarm %s of %s: %s", a.Alarm, a.Subject, a.What)
		}
	}
	if found == nil {
		t.Fatalf("no alarm %s that says %q among %v", f.code, f.what, open)
	}
	if n := w.dog.alarms()[string(f.code)]; n < 1 {
		t.Errorf("the metric says %d", n)
	}
	done, err := alarms.Acknowledge(t.Context(), found.ID, operate.By{Actor: "operator:ann", Reason: "seen"})
	if err != nil || !done.Changed || done.Alarm.State != work.AlarmAcknowledged || done.Alarm.AcknowledgedBy != "operator:ann" || done.Alarm.Reason != "seen" {
		t.Errorf("acknowledged it is %+v, err %v", done, err)
	}
	raised, cleared := w.round()
	raised = slices.DeleteFunc(raised, func(c work.AlarmCode) bool { return slices.Contains(f.also, c) })
	if len(raised)+len(cleared) > 0 {
		t.Errorf("while it goes on, %v are raised and %v cleared", raised, cleared)
	}
	for _, a := range open { // some stay until they have been seen
		_, err := alarms.Acknowledge(t.Context(), a.ID, operate.By{Actor: "operator", Reason: "seen"})
		must(t, err)
	}
	out()
	var gone []work.AlarmCode
	for range 3 {
		_, cleared := w.round()
		gone = append(gone, cleared...)
	}
	page, err := alarms.List(t.Context(), false, 100, "")
	if must(t, err); !slices.Contains(gone, f.code) || len(page.Alarms) > 0 {
		t.Errorf("its cause is gone; cleared are %v, open are %v", gone, page.Alarms)
	}
	all, err := alarms.List(t.Context(), true, 1, "")
	if must(t, err); len(all.Alarms) != 1 || all.Alarms[0].State != work.AlarmCleared || all.Alarms[0].ClearedAt.IsZero() {
		t.Errorf("of all, the latest is %+v", all.Alarms)
	}
}

// TestWatchdog_survey: an order whose message is missing by the survey of open orders is looked at in the next round,
// wherever the walk is. What the survey says is not believed without that.
func TestWatchdog_survey(t *testing.T) {
	db := schematest.SQLite(t)
	w := newWard(t, db)
	w.round()
	w.exec(`INSERT INTO diagnoses (order_id, reason, verdict) VALUES (?1, 'message_missing', 'inconsistent')`, w.id[:])
	farOff := func() {
		w.exec(`UPDATE watchdog SET notes = json_set(notes, '$.walked', ?1)`, verify.LastID.String())
	}
	farOff()
	if raised, _ := w.round(); len(raised) > 0 {
		t.Errorf("its message is there, and %v are raised", raised)
	}
	back := w.aside("outbox", "topic, partition, position, uuid, payload, metadata, created_at", "1 = 1")
	farOff()
	if raised, _ := w.round(); !slices.Equal(raised, []work.AlarmCode{operate.OrderStuck}) {
		t.Errorf("its message is missing, and %v are raised", raised)
	}
	w.exec(`DELETE FROM diagnoses`)
	for range 3 { // what an open alarm is about is looked at again
		farOff()
		if raised, cleared := w.round(); len(raised)+len(cleared) > 0 {
			t.Errorf("while its message is missing, %v are raised and %v cleared", raised, cleared)
		}
	}
	back()
	w.round()
	if _, cleared := w.round(); !slices.Equal(cleared, []work.AlarmCode{operate.OrderStuck}) {
		t.Errorf("its message is back, and %v are cleared", cleared)
	}
}

// TestWatchdog_quiet: beside nodes at work there is no false alarm.
func TestWatchdog_quiet(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		w := newWard(t, open(t))
		done := make(chan error)
		go func() {
			var err error
			for i := 0; i < 30 && err == nil; i++ {
				o := domain.Order{ID: domain.OrderID{0xf0, 15: byte(i)}}
				var u work.Unit
				if u, err = work.Prepare(&o, domain.Metadata{}, domain.Place{}); err == nil {
					_, err = w.store.Append(t.Context(), u)
				}
				if _, failed := tail.NewProjector(w.db, w.store, tail.Config{}).Round(t.Context()); failed != nil {
					err = failed
				}
			}
			done <- err
		}()
		for rounds := 1; ; rounds++ {
			if err := w.dog.round(t.Context()); err != nil {
				t.Error(err)
			}
			if e := w.said.LastEntry(); e != nil {
				t.Fatalf("round %d: a false alarm: %v: %s", rounds, e.Data["alarm"], e.Message)
			}
			select {
			case err := <-done:
				must(t, err)
				t.Logf("%d rounds", rounds)
				return
			default:
			}
		}
	})
}

// TestWatchdog_beaten: a node whose round another one has forestalled goes on to publish what it knew, and when that was.
func TestWatchdog_beaten(t *testing.T) {
	w := newWard(t, schematest.SQLite(t))
	w.exec(`DELETE FROM nodes`)
	w.round()
	open, at := fmt.Sprint(w.dog.alarms()), w.dog.lastSuccess()
	w.exec(`CREATE TRIGGER beaten BEFORE UPDATE ON watchdog BEGIN SELECT RAISE(IGNORE); END`) // as if the row were of a later round
	if err := w.dog.round(t.Context()); err != nil {
		t.Error(err)
	}
	if got := fmt.Sprint(w.dog.alarms()); got != open || open == "map[]" || !w.dog.lastSuccess().Equal(at) {
		t.Errorf("it publishes %s, and that it succeeded at %s; want %s and %s", got, w.dog.lastSuccess(), open, at)
	}
}

// TestWatchNodes_byTurns: a node that starts again is no shared name, one whose processes alternate is.
func TestWatchNodes_byTurns(t *testing.T) {
	now := time.Now()
	for pids, want := range map[string]int{"1": 0, "1 1": 0, "1 2": 0, "1 2 3": 0, "1 2 1": 1, "1 2 2 1": 1, "1 2 1 3": 0} {
		var all []work.Node
		for i, pid := range strings.Fields(pids) {
			n := work.Node{Node: "n", Epoch: int64(i + 1), State: work.NodeStopped, StartedAt: now, Expired: true}
			_, err := fmt.Sscan(pid, &n.PID)
			must(t, err)
			all = append(all, n)
		}
		if found := operate.WatchNodes(all, now); len(found) != want {
			t.Errorf("processes %s: found %v, want %d", pids, found, want)
		}
	}
}

package operations_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/eventstore/operations"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAlarms(t *testing.T) {
	schematest.OnEach(t, 1, map[string]func(*testing.T, *schema.DB){"from raised to forgotten": alarmed, "two by one letter's case": twoByCase})
}

// twoByCase has alarms of two subjects that differ in the case of a letter.
func twoByCase(t *testing.T, db *schema.DB) {
	alarms := operations.NewAlarms(db)
	for i, subject := range []string{"press", "Press"} {
		w, err := alarms.Watch(t.Context())
		must(t, err)
		raised := work.Alarm{ID: work.AlarmID{1: 7, 15: byte(i)}, Code: "dead_letters", Subject: subject, RaisedAt: w.Now}
		recorded, err := alarms.Record(t.Context(), work.WatchRound{After: w.Round, At: w.Now, Notes: `{}`, Raised: []work.Alarm{raised}})
		if must(t, err); !recorded {
			t.Errorf("the alarm of %s is not recorded", subject)
		}
	}
}

// alarmed takes an alarm through its states.
func alarmed(t *testing.T, db *schema.DB) {
	alarms, log := operations.NewAlarms(db), operations.NewLog(db)
	watch := func() work.Watch {
		t.Helper()
		w, err := alarms.Watch(t.Context())
		must(t, err)
		return w
	}
	w := watch()
	if w.Round != 0 || !w.Succeeded.IsZero() || w.Now.IsZero() || w.Notes != `{}` || len(w.Open) > 0 {
		t.Fatalf("before the first round: %+v", w)
	}
	a := work.Alarm{ID: work.AlarmID{1: 7, 15: 1}, Code: "dead_letters", Subject: "grüße", What: "1 letter", RaisedAt: w.Now}
	first := work.WatchRound{Succeeded: true, At: w.Now, Notes: `{"n":1}`, Raised: []work.Alarm{a}}
	record := func(r work.WatchRound, want bool) {
		t.Helper()
		if recorded, err := alarms.Record(t.Context(), r); err != nil || recorded != want {
			t.Errorf("round %d: recorded %v, err %v; want %v", r.After+1, recorded, err, want)
		}
	}
	record(first, true)
	record(first, false) // another node had the same thought
	if w = watch(); w.Round != 1 || !w.Succeeded.Equal(first.At) || w.Notes != first.Notes || fmt.Sprint(w.Open) != fmt.Sprint([]work.Alarm{a}) {
		t.Errorf("after the first round: %+v", w)
	}
	twice := a
	twice.ID[15]++
	record(work.WatchRound{After: 1, At: w.Now, Notes: `{}`, Raised: []work.Alarm{twice}}, false) // it is open
	if again := watch(); again.Round != 1 || len(again.Open) != 1 {
		t.Errorf("a round that raises what is open was recorded: %+v", again)
	}
	op := operation(220, a.ID.String())
	for i, want := range []bool{true, false} {
		if done, err := alarms.Acknowledge(t.Context(), a.ID, op); err != nil || done != want {
			t.Errorf("acknowledged %v, err %v; want %v", done, err, want)
		}
		if i == 0 {
			op.ID[15]++
		}
	}
	a.What = "2 letters"
	record(work.WatchRound{After: 1, At: w.Now, Notes: `{}`, Changed: []work.Alarm{a}}, true)
	a.AcknowledgedAt, a.AcknowledgedBy, a.Reason = op.At, op.Actor, op.Reason
	got, err := alarms.Get(t.Context(), a.ID)
	if err != nil || fmt.Sprint(got) != fmt.Sprint(a) || got.State() != work.AlarmAcknowledged {
		t.Errorf("acknowledged it is %+v, err %v; want %+v", got, err, a)
	}
	if w = watch(); !w.Succeeded.Equal(first.At) {
		t.Error("a round that did not succeed counts as one that did")
	}
	record(work.WatchRound{After: 2, At: w.Now, Notes: `{}`, Cleared: []work.Alarm{a}}, true)
	open, err := alarms.List(t.Context(), false, 10, work.AlarmID{})
	must(t, err)
	all, err := alarms.List(t.Context(), true, 10, work.AlarmID{})
	if must(t, err); len(open) != 0 || len(all) != 1 || all[0].State() != work.AlarmCleared {
		t.Errorf("after it was cleared, %v are open of %v", open, all)
	}
	if done, err := alarms.Acknowledge(t.Context(), a.ID, op); err != nil || done {
		t.Errorf("after it was cleared, acknowledged %v, err %v", done, err)
	}
	ops, err := log.List(t.Context(), 10, work.OperationID{})
	if must(t, err); len(ops) != 1 || ops[0].Subject != a.ID.String() {
		t.Errorf("recorded are the operations %v, want the one that acknowledged", ops)
	}
	record(work.WatchRound{After: 3, At: w.Now.Add(operations.KeepAlarms + time.Second), Notes: `{}`, Raised: []work.Alarm{twice}}, true)
	if all, err = alarms.List(t.Context(), true, 10, work.AlarmID{}); err != nil || len(all) != 1 || all[0].ID != twice.ID {
		t.Errorf("long after it was cleared, there are %v, err %v", all, err)
	}
	if _, err := alarms.Get(t.Context(), a.ID); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("an alarm that is forgotten: err %v", err)
	}
}

// TestAlarms_atOnce: of many who record the same round, one does.
func TestAlarms_atOnce(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		db := open(t)
		alarms := operations.NewAlarms(db)
		var wg sync.WaitGroup
		recorded := make(chan bool, 4)
		for i := range cap(recorded) {
			wg.Go(func() {
				a := work.Alarm{ID: work.AlarmID{15: byte(i + 1)}, Code: work.AlarmCode(fmt.Sprint(i)), Subject: "s", RaisedAt: at}
				done, err := alarms.Record(t.Context(), work.WatchRound{At: at, Notes: `{}`, Raised: []work.Alarm{a}})
				if err != nil {
					t.Error(err)
				}
				recorded <- done
			})
		}
		wg.Wait()
		close(recorded)
		n := 0
		for done := range recorded {
			if done {
				n++
			}
		}
		if w, err := alarms.Watch(t.Context()); err != nil || n != 1 || w.Round != 1 || len(w.Open) != 1 {
			t.Errorf("%d recorded it: %+v, err %v", n, w, err)
		}
	})
}

func TestAlarms_Raise(t *testing.T) {
	schematest.OnEach(t, 1, map[string]func(*testing.T, *schema.DB){"between rounds": betweenRounds})
}

// betweenRounds raises an alarm with an operation, once.
func betweenRounds(t *testing.T, db *schema.DB) {
	alarms, log := operations.NewAlarms(db), operations.NewLog(db)
	for i, want := range []int{1, 0} {
		op := operation(byte(230+i), "database")
		a := work.Alarm{ID: work.AlarmID{1: 7, 15: byte(30 + i)}, Code: "log_lost", Subject: "partition 3", What: "gone"}
		raised, err := alarms.Raise(t.Context(), &op, a)
		if must(t, err); len(raised) != want {
			t.Errorf("try %d raises %v, want %d", i+1, raised, want)
		}
	}
	open, err := alarms.List(t.Context(), false, 10, work.AlarmID{})
	must(t, err)
	ops, err := log.List(t.Context(), 10, work.OperationID{})
	if must(t, err); len(open) != 1 || open[0].RaisedAt.IsZero() || len(ops) != 2 {
		t.Errorf("open are %+v, recorded %d operations", open, len(ops))
	}
}

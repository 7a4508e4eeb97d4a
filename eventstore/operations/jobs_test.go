package operations_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/eventstore/operations"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

func TestJobs(t *testing.T) {
	schematest.OnEach(t, 1, map[string]func(*testing.T, *schema.DB){
		"from the selection to the end": jobToItsEnd,
		"an item ends once":             itemOnce,
		"two who end an item at once":   itemAtOnce,
		"a job that is stopped":         jobStopped,
		"listed":                        jobsListed,
		"removed":                       jobRemoved,
	})
}

// frozen makes a job with so many items, and starts it.
func frozen(t *testing.T, db *schema.DB, n byte, items int) work.Job {
	t.Helper()
	s := operations.NewJobs(db)
	j := work.Job{
		ID: work.OperationID{0, 2, 15: n}, Kind: "deadletters.requeue", Actor: "operator:ann", Reason: "weil “Öl”", About: map[string]string{"run_by": "ann (uid 7)"},
		Filter: json.RawMessage(`{"topic":["processing"]}`), Positions: []int64{4711, 0}, Rate: 100, JobTimes: work.JobTimes{CreatedAt: at},
	}
	must(t, s.Open(t.Context(), j))
	var batch []work.JobItem
	for seq := 1; seq <= items; seq++ {
		batch = append(batch, work.JobItem{Seq: seq, Subject: fmt.Sprintf("workers:processing/0/%d", seq), Seen: seq % 5})
	}
	must(t, s.Add(t.Context(), j.ID, batch))
	must(t, s.Start(t.Context(), j.ID, items, operation(n, j.ID.String())))
	return j
}

// ending is an item that ends so.
func ending(seq int, state string) work.JobItem {
	return work.JobItem{Seq: seq, State: state, Note: "as it is", Ref: "ref", EndedAt: at.Add(time.Minute)}
}

func jobToItsEnd(t *testing.T, db *schema.DB) {
	s, ctx := operations.NewJobs(db), t.Context()
	j := frozen(t, db, 30, 300) // some statements
	waiting, err := s.Items(ctx, j.ID, work.ItemWaiting, 100, 2)
	if err != nil || len(waiting) != 2 || waiting[0] != (work.JobItem{Seq: 101, Subject: "workers:processing/0/101", Seen: 1, State: work.ItemWaiting}) {
		t.Fatalf("waiting are %+v, err %v", waiting, err)
	}
	end := work.JobEnd{State: work.JobEnded, At: at.Add(time.Hour)}
	record := func(j work.Job) (work.Operation, error) {
		return operation(31, fmt.Sprintf("%d %d %d", j.Done, j.Skipped, j.Failed)), nil
	}
	if _, err := s.End(ctx, j.ID, end, record); !errors.Is(err, work.ErrJobNotRunning) {
		t.Fatalf("a job with items left ended: err %v", err)
	}
	for seq := 1; seq <= 300; seq++ {
		must(t, s.EndItem(ctx, j.ID, ending(seq, []string{work.ItemDone, work.ItemDone, work.ItemSkipped, work.ItemDone, work.ItemFailed}[seq%5])))
	}
	if running, err := s.Running(ctx); err != nil || !holds(running, j.ID) {
		t.Errorf("running are %+v, err %v", running, err)
	}
	got, err := s.End(ctx, j.ID, end, record)
	want := j
	want.State, want.Total, want.JobCounts, want.StartedAt, want.EndedAt = work.JobEnded, 300, work.JobCounts{Done: 180, Skipped: 60, Failed: 60}, at, at.Add(time.Hour)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("ended as %+v, err %v, want %+v", got, err, want)
	}
	all, err := operations.NewLog(db).List(ctx, 1, work.OperationID{0, 1, 15: 32})
	if err != nil || len(all) == 0 || all[0].Subject != "180 60 60" {
		t.Errorf("recorded %+v, err %v", all, err)
	}
	if failed, err := s.Items(ctx, j.ID, work.ItemFailed, 0, 1000); err != nil || len(failed) != 60 || failed[0].Note != "as it is" || failed[0].Ref != "ref" || failed[0].EndedAt != at.Add(time.Minute) {
		t.Errorf("failed are %+v, err %v", failed, err)
	}
}

func itemOnce(t *testing.T, db *schema.DB) {
	s := operations.NewJobs(db)
	j := frozen(t, db, 40, 2)
	undo := errors.New("undo")
	err := db.InTx(t.Context(), func(tx *schema.Tx) error {
		return errors.Join(operations.EndItem(t.Context(), tx, j.ID, ending(1, work.ItemDone)), undo)
	})
	if !errors.Is(err, undo) {
		t.Fatal(err)
	}
	must(t, s.EndItem(t.Context(), j.ID, ending(1, work.ItemSkipped)))
	for _, seq := range []int{1, 3} {
		if err := s.EndItem(t.Context(), j.ID, ending(seq, work.ItemDone)); !errors.Is(err, work.ErrItemEnded) {
			t.Errorf("item %d ended again: err %v", seq, err)
		}
	}
	if err := s.EndItem(t.Context(), j.ID, ending(2, work.ItemWaiting)); err == nil {
		t.Error("an item ended waiting")
	}
	if got, err := s.Get(t.Context(), j.ID); err != nil || got.JobCounts != (work.JobCounts{Skipped: 1}) {
		t.Errorf("counted %+v, err %v", got.JobCounts, err)
	}
}

func itemAtOnce(t *testing.T, db *schema.DB) {
	j := frozen(t, db, 50, 20)
	won := make(chan int, 4)
	for _, handle := range []*schema.DB{db, schematest.Again(t, db), db, schematest.Again(t, db)} {
		go func() {
			n := 0
			for seq := 1; seq <= 20; seq++ {
				switch err := operations.NewJobs(handle).EndItem(t.Context(), j.ID, ending(seq, work.ItemDone)); {
				case err == nil:
					n++
				case !errors.Is(err, work.ErrItemEnded):
					t.Error(err)
				}
			}
			won <- n
		}()
	}
	sum := 0
	for range cap(won) {
		sum += <-won
	}
	if got, err := operations.NewJobs(db).Get(t.Context(), j.ID); err != nil || sum != 20 || got.Done != 20 {
		t.Errorf("%d items ended, counted %d, err %v; want 20", sum, got.Done, err)
	}
}

func jobStopped(t *testing.T, db *schema.DB) {
	s, ctx := operations.NewJobs(db), t.Context()
	j := frozen(t, db, 60, 3)
	must(t, s.EndItem(ctx, j.ID, ending(1, work.ItemDone)))
	stop := work.JobEnd{State: work.JobStopped, By: "operator:bob", Reason: "enough", At: at}
	record := func(j work.Job) (work.Operation, error) { return operation(61, fmt.Sprint(j.Left(), " left")), nil }
	got, err := s.End(ctx, j.ID, stop, record)
	if err != nil || got.State != work.JobStopped || got.Left() != 2 || got.EndedBy != "operator:bob" || got.EndReason != "enough" {
		t.Fatalf("stopped as %+v, err %v", got, err)
	}
	if err := s.EndItem(ctx, j.ID, ending(2, work.ItemDone)); !errors.Is(err, work.ErrJobNotRunning) {
		t.Errorf("an item of a stopped job ended: err %v", err)
	}
	if waiting, err := s.Items(ctx, j.ID, work.ItemWaiting, 0, 10); err != nil || len(waiting) != 2 {
		t.Errorf("waiting are %+v, err %v; want 2", waiting, err)
	}
	if _, err := s.End(ctx, j.ID, stop, record); !errors.Is(err, work.ErrJobNotRunning) {
		t.Errorf("stopped again: err %v", err)
	}
	if err := s.Start(ctx, j.ID, 3, operation(62, "x")); !errors.Is(err, work.ErrJobNotRunning) {
		t.Errorf("started again: err %v", err)
	}
	if ops, err := operations.NewLog(db).List(ctx, 1, work.OperationID{0, 1, 15: 62}); err != nil || len(ops) != 1 || ops[0].Subject != "2 left" {
		t.Errorf("recorded %+v, err %v; want that 2 were left, once", ops, err)
	}
}

func jobsListed(t *testing.T, db *schema.DB) {
	s, ids := operations.NewJobs(db), []byte(nil)
	for n := byte(70); n < 73; n++ {
		frozen(t, db, n, 1)
	}
	for before := (work.OperationID{0, 2, 15: 73}); ; {
		page, err := s.List(t.Context(), 2, before)
		must(t, err)
		if len(page) == 0 || page[0].ID[15] < 70 {
			break
		}
		for _, j := range page {
			ids = append(ids, j.ID[15])
		}
		before = page[len(page)-1].ID
	}
	if len(ids) < 3 || ids[0] != 72 || ids[1] != 71 || ids[2] != 70 {
		t.Errorf("listed %v, want the newest in front", ids)
	}
	if _, err := s.Get(t.Context(), work.OperationID{9}); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("a job that is not there: err %v", err)
	}
}

func jobRemoved(t *testing.T, db *schema.DB) {
	s, ctx := operations.NewJobs(db), t.Context()
	j := frozen(t, db, 80, 600) // more than are removed at once
	must(t, s.Remove(ctx, j.ID))
	if items, err := s.Items(ctx, j.ID, "", 0, 1000); err != nil || len(items) != 600 {
		t.Fatalf("a running job has %d items left, err %v; want all", len(items), err)
	}
	if found, err := s.Forgotten(ctx, at.Add(time.Hour), at.Add(time.Hour), work.OperationID{}, 100); err != nil || holds(found, j.ID) {
		t.Errorf("forgotten are %+v, err %v", found, err)
	}
	_, err := s.End(ctx, j.ID, work.JobEnd{State: work.JobStopped, At: at}, func(work.Job) (work.Operation, error) { return operation(81, "x"), nil })
	must(t, err)
	for when, want := range map[time.Time]bool{at: false, at.Add(time.Second): true} {
		if found, err := s.Forgotten(ctx, when, at, work.OperationID{}, 100); err != nil || holds(found, j.ID) != want {
			t.Errorf("forgotten by %s are %+v, err %v", when, found, err)
		}
	}
	if found, err := s.Forgotten(ctx, at.Add(time.Second), at, j.ID, 100); err != nil || holds(found, j.ID) {
		t.Errorf("forgotten behind it are %+v, err %v", found, err)
	}
	must(t, s.Remove(ctx, j.ID))
	items, err := s.Items(ctx, j.ID, "", 0, 1000)
	if _, gone := s.Get(ctx, j.ID); err != nil || len(items) != 0 || !errors.Is(gone, domain.ErrNotFound) {
		t.Errorf("%d items are left, err %v, and the job: %v", len(items), err, gone)
	}
}

func holds(all []work.Job, id work.OperationID) bool {
	for _, j := range all {
		if j.ID == id {
			return true
		}
	}
	return false
}

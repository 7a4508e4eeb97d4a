package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/eventstore/operations"
	"orderflow/handlers/operate"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

// swept is a database with jobs, and what takes turns at them.
type swept struct {
	*testing.T
	db   *schema.DB
	kept *operations.Jobs
	turn func(context.Context) error
}

func newSwept(t *testing.T, db *schema.DB) *swept {
	t.Helper()
	store, views, err := OpenStore(t.Context(), db, 0, nil, watermill.NopLogger{})
	must(t, err)
	return &swept{t, db, operations.NewJobs(db), jobTurns(db, JobsOf(db, store, views))}
}

// job makes a job about letters that are gone, which begins at a time.
func (s *swept) job(at time.Time, items int) work.OperationID {
	s.Helper()
	op, err := operate.By{Actor: "operator", Reason: "r"}.Operation("deadletters requeue", "", "")
	must(s.T, err)
	must(s.T, s.kept.Open(s.Context(), work.Job{
		ID: op.ID, Kind: operate.JobRequeueLetters, Actor: op.Actor, Reason: op.Reason, Filter: json.RawMessage(`{}`), Rate: operate.MaxJobRate,
		JobTimes: work.JobTimes{CreatedAt: at},
	}))
	all := make([]work.JobItem, items)
	for i := range all {
		all[i] = work.JobItem{Seq: i + 1, Subject: fmt.Sprintf("workers:processing/0/%d", i+1)}
	}
	must(s.T, s.kept.Add(s.Context(), op.ID, all))
	return op.ID
}

// runs has a job be worked off.
func (s *swept) runs(id work.OperationID, items int) {
	s.Helper()
	op, err := operate.By{Actor: "operator", Reason: "r"}.Operation("deadletters requeue", "", "")
	must(s.T, err)
	must(s.T, s.kept.Start(s.Context(), id, items, op))
}

// gone says whether a job is not there.
func (s *swept) gone(id work.OperationID) bool {
	_, err := s.kept.Get(s.Context(), id)
	return errors.Is(err, domain.ErrNotFound)
}

// TestJobTurns_sweep: what keeps a sweep of old jobs from one of them keeps it neither from others, nor from the jobs that
// run; and a sweep, however much there is to forget, is done in small parts.
func TestJobTurns_sweep(t *testing.T) {
	schematest.OnEach(t, 1, map[string]func(*testing.T, *schema.DB){
		"many small ones": func(t *testing.T, db *schema.DB) {
			s, old := newSwept(t, db), []work.OperationID(nil)
			for range 3 * sweepAtOnce {
				old = append(old, s.job(time.Now().Add(-2*unconfirmedKept), 1))
			}
			young := s.job(time.Now(), 1)
			for turn := range 4 {
				must(t, s.turn(t.Context()))
				if left := min(turn+1, 3) * sweepAtOnce; !s.gone(old[left-1]) || left < len(old) && s.gone(old[left]) {
					t.Fatalf("after turn %d, others than the first %d are gone", turn+1, left)
				}
			}
			if s.gone(young) {
				t.Error("a young one is gone")
			}
		},
		"a large one": func(t *testing.T, db *schema.DB) {
			s := newSwept(t, db)
			old := s.job(time.Now().Add(-2*unconfirmedKept), 500*sweepAtOnce+1)
			must(t, s.turn(t.Context()))
			if left, err := s.kept.Items(t.Context(), old, "", 0, 10); err != nil || len(left) != 1 || s.gone(old) {
				t.Errorf("%d items are left after one turn, err %v; want 1", len(left), err)
			}
			must(t, s.turn(t.Context()))
			if !s.gone(old) {
				t.Error("it is not gone after another turn")
			}
		},
	})
	t.Run("one that cannot be removed", func(t *testing.T) {
		s := newSwept(t, schematest.SQLite(t))
		stuck, other := s.job(time.Now().Add(-2*unconfirmedKept), 1), s.job(time.Now().Add(-2*unconfirmedKept), 1)
		id := s.job(time.Now(), 1)
		s.runs(id, 1)
		must(t, s.db.InTx(t.Context(), func(tx *schema.Tx) error {
			_, err := tx.ExecContext(t.Context(), fmt.Sprintf(`CREATE TRIGGER stuck BEFORE DELETE ON jobs WHEN OLD.id = x'%x' BEGIN SELECT RAISE(ABORT, 'stuck'); END`, stuck[:]))
			return err
		}))
		if err := s.turn(t.Context()); err == nil {
			t.Error("the turn does not tell that a job could not be removed")
		}
		if j, err := s.kept.Get(t.Context(), id); err != nil || j.State != work.JobEnded {
			t.Errorf("a job that runs is %+v, err %v; want it worked off", j, err)
		}
		must(t, s.turn(t.Context()))
		if s.gone(stuck) || !s.gone(other) {
			t.Errorf("gone are the one that cannot be %v, the other %v", s.gone(stuck), s.gone(other))
		}
	})
}

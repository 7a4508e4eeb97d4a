package node

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/handlers/diagnosis"
	"orderflow/handlers/operate"
	"orderflow/schema"
	"orderflow/schema/schematest"
	"orderflow/transport/messaging/inflight"
)

// TestDiagnoses puts each cause into a database, and has it read from there.
func TestDiagnoses(t *testing.T) {
	cases := map[string]func(*testing.T, *schema.DB){}
	for reason, cause := range causes {
		cases[string(reason)] = func(t *testing.T, db *schema.DB) { cause(newPatient(t, db)) }
		if reason == diagnosis.ViewBehind { // there, views are up to date
			continue
		}
		cases[string(reason)+" in a survey"] = func(t *testing.T, db *schema.DB) {
			p := newPatient(t, db)
			p.listed = true
			cause(p)
		}
	}
	for _, r := range diagnosis.Reasons() {
		if causes[r] == nil && r != diagnosis.NotRead { // see TestDiagnoses_clock and TestDiagnoses_locked
			t.Errorf("nothing causes %s", r)
		}
	}
	schematest.OnEach(t, 4, cases)
}

var causes = map[diagnosis.Reason]func(*patient){
	diagnosis.UnknownOrder: func(p *patient) {
		p.worker("w", 5)
		p.want(diagnosis.Unknown, diagnosis.UnknownOrder)
	},
	diagnosis.ChainBroken: func(p *patient) {
		p.begin(p.worker("w", 5))
		schematest.Unprotect(p.t, p.db)
		p.exec(`UPDATE events SET data = '{"tracking_id":"another"}' WHERE stream_id = ?1 AND version = 1`, p.id[:])
		a := p.want(diagnosis.Inconsistent, diagnosis.ChainBroken, diagnosis.Running)
		if len(a.Evidence.Faults) != 1 || !strings.Contains(a.Evidence.Faults[0], "event 1: its hash") {
			p.t.Errorf("the faults are %q", a.Evidence.Faults)
		}
	},
	diagnosis.IllegalHistory: func(p *patient) {
		p.begin(p.worker("w", 5))
		_, err := p.store.Append(p.t.Context(), work.Unit{OrderID: p.id, Expected: 2, Events: []domain.Event{domain.OrderFailed{Step: domain.Scheduling}}})
		must(p.t, err)
		p.want(diagnosis.Inconsistent, diagnosis.IllegalHistory, diagnosis.HasEnded)
	},
	diagnosis.HasEnded: func(p *patient) {
		w := p.worker("w", 5)
		l := p.begin(w)
		for _, step := range domain.Steps() {
			complete := domain.CompleteStep{Step: step, Attempt: 1}
			next, more := step.Next()
			if !more {
				p.do(l, work.SettleDone, complete)
				break
			}
			l = p.do(l, work.SettlePass, complete, domain.StartStep{Step: next, Attempt: 1, Node: "w"}).Next.Lease
		}
		a := p.want(diagnosis.Ended, diagnosis.HasEnded)
		if a.Evidence.Status != domain.StatusCompleted || a.Since.IsZero() {
			p.t.Errorf("it is said: %+v", a)
		}
	},
	diagnosis.IsParked: func(p *patient) {
		l := p.begin(p.worker("w", 5))
		p.do(l, work.SettlePark, domain.InterruptStep{Step: domain.Scheduling, Attempt: 1, Reason: "panic: poison"}, domain.Park{Reason: "interrupted 3 times; the last time: panic: poison"})
		a := p.want(diagnosis.Blocked, diagnosis.IsParked)
		key := inflight.LetterKey{Group: l.Group, Topic: l.Topic, Partition: l.Partition, Position: l.Position}
		if a.Evidence.Letter != key.String() || !strings.Contains(a.Summary, "panic: poison") {
			p.t.Errorf("it is said: %+v, want letter %s", a, key)
		}
		must(p.t, inflight.NewDeadLetters(p.db).Discard(p.t.Context(), key)) // as nobody but a test does
		p.want(diagnosis.Blocked, diagnosis.IsParked, diagnosis.MessageMissing)
	},
	diagnosis.CancelRequested: func(p *patient) {
		l := p.begin(p.worker("w", 5))
		p.store.Allow(domain.EventLevel)
		p.do(l, work.SettleKeep, domain.Cancel{Reason: "unwanted"})
		p.want(diagnosis.Waiting, diagnosis.CancelRequested, diagnosis.Running)
		p.do(l, work.SettleDone, domain.CompleteStep{Step: domain.Scheduling, Attempt: 1})
		p.want(diagnosis.WaitingForCapacity, diagnosis.WaitingForSlot) // the rollback
	},
	diagnosis.StepPaused: func(p *patient) {
		l := p.begin(p.worker("w", 5))
		by := operate.By{Actor: "operator:ann", Reason: "the press is hot"}
		for _, step := range []domain.Step{domain.Scheduling, domain.PreProcessing} {
			_, err := LeversOf(p.db).Pause(p.t.Context(), step, by)
			must(p.t, err)
		}
		p.want(diagnosis.Progressing, diagnosis.Running) // it finishes the step
		p.do(l, work.SettleDone, domain.CompleteStep{Step: domain.Scheduling, Attempt: 1})
		a := p.want(diagnosis.Blocked, diagnosis.StepPaused)
		if e := a.Evidence.Pause; e == nil || e.Step != domain.PreProcessing || e.Actor != by.Actor || e.Reason != by.Reason || e.Since.IsZero() || a.Since.IsZero() {
			p.t.Errorf("it is said: %+v", a)
		}
		for _, step := range []domain.Step{domain.Scheduling, domain.PreProcessing} {
			_, err := LeversOf(p.db).Resume(p.t.Context(), step, by)
			must(p.t, err)
		}
		p.want(diagnosis.WaitingForCapacity, diagnosis.WaitingForSlot)
	},
	diagnosis.NoWorkerAlive: func(p *patient) {
		p.join("a", "api,projector", 0)
		w := p.worker("w", 5)
		p.ahead = -2 * time.Minute
		p.place()
		must(p.t, inflight.NewNodes(p.db).Release(p.t.Context(), w))
		a := p.want(diagnosis.Blocked, diagnosis.NoWorkerAlive, diagnosis.ViewBehind)
		if age := a.AsOf.Sub(a.Since); age < 0 || age > time.Minute {
			p.t.Errorf("it has been so since %s, as of %s; want since the worker stopped", a.Since, a.AsOf)
		}
	},
	diagnosis.AllNodesDraining: func(p *patient) {
		w := p.worker("w", 5)
		l := p.begin(w)
		must(p.t, inflight.NewNodes(p.db).Renew(p.t.Context(), w, work.NodeDraining, 1, time.Hour))
		p.want(diagnosis.Progressing, diagnosis.Running) // it finishes the step
		p.do(l, work.SettleDone, domain.CompleteStep{Step: domain.Scheduling, Attempt: 1})
		p.want(diagnosis.Blocked, diagnosis.AllNodesDraining)
	},
	diagnosis.OwnerLost: func(p *patient) {
		w := p.worker("w", 5)
		p.worker("other", 5)
		p.begin(w)
		p.expires(w, -time.Second)
		a := p.want(diagnosis.Waiting, diagnosis.OwnerLost)
		if a.Evidence.Node != "w" || *a.Evidence.LeaseLeft > -1 {
			p.t.Errorf("it is said: %+v", a.Evidence)
		}
		p.exec(`DELETE FROM nodes WHERE node = 'w'`)
		p.want(diagnosis.Waiting, diagnosis.OwnerLost)
	},
	diagnosis.OwnerSilent: func(p *patient) {
		w := p.worker("w", 5)
		p.begin(w)
		p.expires(w, 20*time.Minute)
		a := p.want(diagnosis.Waiting, diagnosis.OwnerSilent)
		if left := *a.Evidence.LeaseLeft; left < 1000 || left > 1200 || a.Next.NotBefore.IsZero() {
			p.t.Errorf("it is said: %+v", a)
		}
	},
	diagnosis.RollingBack: func(p *patient) {
		p.fail(p.worker("w", 5))
		a := p.want(diagnosis.Progressing, diagnosis.RollingBack)
		if a.Evidence.LastError != "no steel" {
			p.t.Errorf("it is said: %+v", a)
		}
	},
	diagnosis.CompensationFailing: func(p *patient) {
		l := p.fail(p.worker("w", 5))
		p.do(l, work.SettleReturn) // as handlers do when a compensation fails
		a := p.want(diagnosis.Waiting, diagnosis.CompensationFailing, diagnosis.RetryScheduled)
		if a.Evidence.Interruptions != 1 || a.Next.NotBefore.IsZero() {
			p.t.Errorf("it is said: %+v", a)
		}
	},
	diagnosis.RetryScheduled: func(p *patient) {
		l := p.begin(p.worker("w", 5))
		p.do(l, work.SettleReturn, domain.InterruptStep{Step: domain.Scheduling, Attempt: 1, Reason: "step timed out after 1s"})
		a := p.want(diagnosis.Waiting, diagnosis.RetryScheduled)
		if wait := a.Evidence.NextRetry.Sub(a.AsOf); wait < 50*time.Minute || !strings.Contains(a.Summary, "timed out") {
			p.t.Errorf("it is said: %+v", a)
		}
		p.exec(`UPDATE inflight SET available_at = claimed_at WHERE first_position = ?1 AND partition = ?2`, l.FirstPosition, l.Partition)
		p.want(diagnosis.WaitingForCapacity, diagnosis.WaitingForSlot)
	},
	diagnosis.RunningSlow: func(p *patient) {
		p.ahead = -time.Minute
		p.begin(p.worker("w", 5))
		p.measured(100)
		p.want(diagnosis.Progressing, diagnosis.Running, diagnosis.ViewBehind)
		p.measured(20)
		a := p.want(diagnosis.Progressing, diagnosis.RunningSlow, diagnosis.ViewBehind)
		if u := a.Evidence.Usual; !p.listed && (u == nil || u.P99 != 20 || a.Unusual == nil || !*a.Unusual || !strings.Contains(a.Summary, "99 of 100 take 20s")) {
			p.t.Errorf("it is said: %+v", a)
		}
	},
	diagnosis.Running: func(p *patient) {
		w := p.worker("w", 5)
		p.place()
		l := p.claim(w)
		p.want(diagnosis.Progressing, diagnosis.Running) // it has the message, and is about to start
		p.do(l, work.SettleKeep, domain.StartStep{Step: domain.Scheduling, Attempt: 1, Node: "w"})
		p.do(l, work.SettlePass, domain.CompleteStep{Step: domain.Scheduling, Attempt: 1}, domain.StartStep{Step: domain.PreProcessing, Attempt: 1, Node: "w"})
		a := p.want(diagnosis.Progressing, diagnosis.Running) // the row's key is that of the first message
		if e := a.Evidence; e.Node != "w" || e.Epoch != w.Epoch || e.Attempt != 1 || e.Step != domain.PreProcessing || e.Version != 4 || *e.LeaseLeft < 3000 {
			p.t.Errorf("the evidence is %+v", e)
		}
	},
	diagnosis.WaitingForSlot: func(p *patient) {
		w := p.worker("w", 2)
		must(p.t, inflight.NewNodes(p.db).Renew(p.t.Context(), w, work.NodeActive, 2, time.Hour))
		p.place()
		a := p.want(diagnosis.WaitingForCapacity, diagnosis.WaitingForSlot)
		if w := a.Evidence.Workers; w.Slots != 2 || w.Busy != 2 {
			p.t.Errorf("the workers are %+v", w)
		}
	},
	diagnosis.MessageMissing: func(p *patient) {
		p.worker("w", 5)
		p.place()
		if p.exec(`DELETE FROM outbox WHERE uuid = ?1`, domain.EventID(p.id, 1)) != 1 {
			p.t.Fatal("there was no message")
		}
		a := p.want(diagnosis.Inconsistent, diagnosis.MessageMissing)
		if !strings.Contains(a.Summary, a.Evidence.Message) || a.Evidence.Message == "" {
			p.t.Errorf("it is said: %+v", a)
		}
	},
	diagnosis.ViewBehind: func(p *patient) {
		p.ahead = -time.Minute // and no projector runs
		p.begin(p.worker("w", 5))
		a := p.want(diagnosis.Progressing, diagnosis.Running, diagnosis.ViewBehind)
		if a.Evidence.ViewVersion == nil || *a.Evidence.ViewVersion != 0 {
			p.t.Errorf("the evidence is %+v", a.Evidence)
		}
	},
	diagnosis.JustPlaced: func(p *patient) {
		p.ahead = 2 * time.Second // it is placed a moment before it is looked at, also on a machine that is slow
		p.worker("w", 5)
		for range 20 {
			p.id = domain.OrderID(uuid.Must(uuid.NewV7()))
			p.place()
			if a, err := p.asks.Diagnose(p.t.Context(), p.id); err == nil && a.Reason == diagnosis.JustPlaced && a.Verdict == diagnosis.Progressing {
				return
			}
		}
		p.want(diagnosis.Progressing, diagnosis.JustPlaced)
	},
}

// TestDiagnoses_lostEnd: events at the end of the stream that lists have, and the log has no more.
func TestDiagnoses_lostEnd(t *testing.T) {
	schematest.OnEach(t, 4, map[string]func(*testing.T, *schema.DB){"": func(t *testing.T, db *schema.DB) {
		p := newPatient(t, db)
		p.begin(p.worker("w", 5))
		p.project()
		a := p.want(diagnosis.Progressing, diagnosis.Running)
		if v := a.Evidence.ViewVersion; v == nil || *v != 2 {
			t.Errorf("lists have %+v", a.Evidence)
		}
		schematest.Unprotect(t, db)
		p.exec(`DELETE FROM events WHERE stream_id = ?1 AND version = 2`, p.id[:])
		p.want(diagnosis.Inconsistent, diagnosis.ChainBroken, diagnosis.Running)
		p.exec(`DELETE FROM events WHERE stream_id = ?1`, p.id[:])
		p.want(diagnosis.Inconsistent, diagnosis.UnknownOrder)
	}})
}

// scribe keeps the questions of a look.
type scribe struct {
	schema.Reader
	questions []question
}

type question struct {
	text string
	args []any
}

// Read is schema.Reader.
func (r *scribe) Read(ctx context.Context, read func(*sql.Rows) error, query string, args ...any) error {
	r.questions = append(r.questions, question{query, args})
	return r.Reader.Read(ctx, read, query, args...)
}

// TestDiagnoses_plan: a look is six questions at most, whatever the state of the order, and each is searches for whole
// keys, but for that about the nodes, of which there are few. None needs a sort. Nothing is written.
func TestDiagnoses_plan(t *testing.T) {
	db := schematest.SQLite(t)
	p := newPatient(t, db)
	l := p.fail(p.worker("w", 5))
	p.do(l, work.SettlePark, domain.Park{Reason: "often"})
	var r *scribe
	before := db.Stats()
	must(t, db.Look(t.Context(), time.Second, func(in *schema.Look) (err error) {
		r = &scribe{Reader: in}
		_, err = p.asks.factsIn(t.Context(), r, p.id)
		return err
	}))
	if after := db.Stats(); len(r.questions) != questions || after.Statements-before.Statements != questions || after.Transactions != before.Transactions {
		t.Errorf("a look is %d questions, and the database was asked %d times in %d writing transactions; want 6, 6 and none",
			len(r.questions), after.Statements-before.Statements, after.Transactions-before.Transactions)
	}
	for _, q := range r.questions {
		plan := schematest.Plan(t, db, q.text, q.args...)
		for _, step := range strings.Split(plan, "\n") {
			what, scans := strings.CutPrefix(step, "SCAN ")
			few := slices.Contains([]string{"CONSTANT ROW", "x", "lease_clock", "n LEFT-JOIN"}, what) // n are the nodes
			ranges := strings.Contains(step, ">?") || strings.Contains(step, "<?")
			part := strings.HasPrefix(step, "SEARCH inflight") && !strings.Contains(step, "first_position=?")
			if scans && !few || ranges || part || strings.Contains(step, "TEMP B-TREE") {
				t.Errorf("%s\nis run so:\n%s", q.text, plan)
			}
		}
	}
}

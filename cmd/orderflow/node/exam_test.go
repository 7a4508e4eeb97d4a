package node

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/handlers/diagnosis"
	"orderflow/schema"
	"orderflow/schema/schematest"
	"orderflow/transport/messaging/inflight"
)

// mark is how an answer was.
type mark struct{ asked, right, wrong, progressing int }

func (m *mark) give(said, truth diagnosis.Finding) {
	m.asked++
	if said.Reason == truth.Reason {
		m.right++
	} else {
		m.wrong++
	}
	if said.Verdict == diagnosis.Progressing && truth.Verdict != diagnosis.Progressing {
		m.progressing++
	}
}

// marks are those of one reason: of the diagnosis of one order, and of a survey.
type marks struct{ one, survey mark }

// progressing are the reasons of which the truth is that somebody is at work, or about to be.
var progressing = map[diagnosis.Reason]bool{diagnosis.Running: true, diagnosis.RunningSlow: true, diagnosis.RollingBack: true, diagnosis.JustPlaced: true}

// TestExam puts causes into a database at random, with other orders in all states around them and a node at work beside
// them, and asks why the order is as it is: of the one order, and in a survey. The truth is what was done to the database.
//
// It takes long, and so it is left out unless ORDERFLOW_TEST_LONG is set, or ORDERFLOW_EXAM says how many causes there are to
// be. ORDERFLOW_EXAM_SEED repeats an exam.
func TestExam(t *testing.T) {
	causes := 40
	if text := os.Getenv("ORDERFLOW_EXAM"); text != "" {
		var err error
		causes, err = strconv.Atoi(text)
		must(t, err)
	} else if os.Getenv("ORDERFLOW_TEST_LONG") == "" {
		t.Skip("takes long; set ORDERFLOW_TEST_LONG")
	}
	seed := rand.Uint64()
	if text := os.Getenv("ORDERFLOW_EXAM_SEED"); text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		must(t, err)
	}
	t.Logf("ORDERFLOW_EXAM_SEED=%d", seed)
	schematest.OnEach(t, 1, map[string]func(*testing.T, *schema.DB){"": func(t *testing.T, db *schema.DB) { examine(t, db, seed, causes) }})
}

func examine(t *testing.T, db *schema.DB, seed uint64, causes int) {
	schematest.Unprotect(t, db)
	r, all, given := rand.New(rand.NewPCG(seed, 0)), injuries(), map[diagnosis.Reason]*marks{}
	ctx, end := context.WithCancel(t.Context())
	defer end()
	go bystand(ctx, db)
	var order []int
	for n := range causes {
		if n%len(all) == 0 {
			order = r.Perm(len(all))
		}
		i := all[order[n%len(all)]]
		for !oneCause(t, db, rand.New(rand.NewPCG(seed, uint64(n)+1)), n, i, given) { // too slow for what is true for moments
			t.Logf("cause %d, %s, is put in again", n, i.reason)
		}
	}
	report(t, given)
	var beside int
	must(t, db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM events WHERE type = 'OrderCompleted'`).Scan(&beside))
	t.Logf("beside it %d orders were completed", beside)
}

// oneCause puts a cause into the database and asks. It is false if that took longer than the cause is true.
func oneCause(t *testing.T, db *schema.DB, r *rand.Rand, n int, i injury, given map[diagnosis.Reason]*marks) bool {
	began := time.Now()
	p := &subject{patient: newPatient(t, db), r: r, name: fmt.Sprintf("w%d", n)}
	p.exec(`DELETE FROM controls`)
	p.w = p.worker(p.name, 200)
	p.otherWorkers()
	i.put(p)
	truth := diagnosis.Finding{Reason: i.reason, Verdict: diagnosis.Waiting}
	if !i.fresh && p.chance(5) {
		if p.dark(); !i.above {
			truth.Reason = diagnosis.NoWorkerAlive
		}
	}
	if progressing[truth.Reason] {
		truth.Verdict = diagnosis.Progressing
	}
	if !i.late && !i.streams && !i.ended && (i.listed || p.chance(2)) {
		p.shown()
	}
	a, err := p.asks.Diagnose(t.Context(), p.id)
	must(t, err)
	said := p.surveyed()
	if i.fresh && time.Since(began) > 4*time.Second {
		return false
	}
	m := given[truth.Reason]
	if m == nil {
		m = &marks{}
		given[truth.Reason] = m
	}
	m.one.give(a.Finding(), truth)
	if a.Reason != truth.Reason {
		t.Logf("cause %d is %s, and it is said: %s (%s), others %v: %s; %s", n, truth.Reason, a.Reason, a.Verdict, a.Others, a.Summary, p.history())
	}
	switch {
	case i.streams:
	case i.ended:
		if said != nil {
			t.Errorf("cause %d: a survey has an order that is %s: %+v", n, truth.Reason, said)
		}
	case said == nil:
		m.survey.give(diagnosis.Finding{}, truth)
		t.Logf("cause %d is %s, and a survey does not have the order", n, truth.Reason)
	default:
		m.survey.give(*said, truth)
		if said.Reason != truth.Reason {
			t.Logf("cause %d is %s, and a survey says: %s (%s)", n, truth.Reason, said.Reason, said.Verdict)
		}
	}
	return true
}

// history is the order's events.
func (p *subject) history() (text string) {
	events, _ := p.store.Load(p.t.Context(), p.id)
	for _, e := range events {
		text += e.Type + string(e.Data) + " "
	}
	return text
}

// report prints the marks, and fails if they are not good enough.
func report(t *testing.T, given map[diagnosis.Reason]*marks) {
	var lines strings.Builder
	var one, survey mark
	for _, reason := range diagnosis.Reasons() {
		m := given[reason]
		if m == nil {
			if reason != diagnosis.NotRead { // see TestDiagnoses_gaps
				t.Errorf("nothing caused %s", reason)
			}
			continue
		}
		fmt.Fprintf(&lines, "| `%s` | %d | %d | %d | %d | %d | %d | %d |\n", reason,
			m.one.asked, m.one.right, m.one.wrong, m.one.progressing, m.survey.right, m.survey.wrong, m.survey.progressing)
		one.add(m.one)
		survey.add(m.survey)
	}
	t.Logf("\n| cause | injected | named right | wrong | falsely progressing | survey: right | wrong | falsely progressing |\n|---|---|---|---|---|---|---|---|\n%s| all | %d | %d | %d | %d | %d | %d | %d |",
		lines.String(), one.asked, one.right, one.wrong, one.progressing, survey.right, survey.wrong, survey.progressing)
	for name, m := range map[string]mark{"the diagnosis of one order": one, "a survey": survey} {
		if 100*m.wrong > m.asked || m.progressing > 0 {
			t.Errorf("%s: of %d causes %d were named wrong, and %d of them called progressing; want 1 of 100 at most, and none", name, m.asked, m.wrong, m.progressing)
		}
	}
}

func (m *mark) add(o mark) {
	m.asked, m.right, m.wrong, m.progressing = m.asked+o.asked, m.right+o.right, m.wrong+o.wrong, m.progressing+o.progressing
}

// bystand has a node place orders, and do their work, until ctx ends. It is no worker that claims anything.
func bystand(ctx context.Context, db *schema.DB) {
	p := &patient{db: db, ahead: 0}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	store, err := openStore(ctx, p)
	var of work.Registration
	for ctx.Err() == nil && err == nil {
		<-tick.C
		lease, at := work.Lease{Row: work.Row{Group: inflight.Workers}, Registration: of}, &domain.Order{ID: domain.OrderID(uuid.Must(uuid.NewV7()))}
		commands, settle := []domain.Command{domain.Place{}, domain.StartStep{Step: domain.Scheduling, Attempt: 1, Node: of.Node}}, work.SettleStart
		for len(commands) > 0 {
			u, cannot := work.Prepare(at, domain.Metadata{Actor: "worker", Node: of.Node, Attempt: 1}, commands...)
			if cannot != nil {
				break
			}
			u.Lease, u.Settle = lease, settle
			done, failed := store.Append(ctx, u)
			if failed != nil { // as after the nodes of a cause were cleared away
				of = register(ctx, db)
				break
			}
			_ = at.Apply(done.Events...)
			if done.Next == nil {
				break
			}
			lease, commands, settle = done.Next.Lease, goesOn(at, of.Node), work.SettlePass
			if len(commands) == 1 {
				settle = work.SettleDone
			}
		}
	}
}

// goesOn completes the step that runs, and starts the next one.
func goesOn(o *domain.Order, node string) []domain.Command {
	step := o.CurrentStep()
	if step == "" {
		return nil
	}
	commands := []domain.Command{domain.CompleteStep{Step: step, Attempt: o.Step(step).Attempt}}
	if next, more := step.Next(); more {
		commands = append(commands, domain.StartStep{Step: next, Attempt: 1, Node: node})
	}
	return commands
}

func register(ctx context.Context, db *schema.DB) work.Registration {
	n := work.Node{Node: "bystander-" + uuid.NewString(), Roles: "api", Host: "h"}
	epoch, _ := inflight.NewNodes(db).Register(ctx, n, time.Hour)
	return work.Registration{Node: n.Node, Epoch: epoch}
}

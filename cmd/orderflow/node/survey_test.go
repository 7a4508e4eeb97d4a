package node

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/handlers/diagnosis"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

// crowd places so many orders at once.
func (p *patient) crowd(n int) {
	p.t.Helper()
	turns, ended := make(chan struct{}, 512), make(chan error, n)
	for range n {
		turns <- struct{}{}
		go func() {
			defer func() { <-turns }()
			id := domain.OrderID(uuid.Must(uuid.NewV7()))
			u, err := work.Prepare(&domain.Order{ID: id}, domain.Metadata{Actor: "api"}, domain.Place{})
			if err == nil {
				_, err = p.store.Append(context.Background(), u)
			}
			ended <- err
		}()
	}
	for range n {
		must(p.t, <-ended)
	}
	for range 1 + n/1000 {
		p.project()
	}
}

// TestSurvey_plan: a survey of orders that are in no doubt is five questions, however many they are, and none reads a
// table to its end but those of what is in flight, of dead letters and of nodes. Nothing is written.
func TestSurvey_plan(t *testing.T) {
	db := schematest.SQLite(t)
	p := newPatient(t, db)
	p.begin(p.worker("w", 5))
	p.crowd(600)
	before := db.Stats()
	s, _, err := p.asks.Survey(t.Context(), diagnosis.Traffic{})
	must(t, err)
	if s.Looked != 601 || len(s.Reasons) != 2 || s.Reasons[0].Orders != 600 || len(s.Reasons[0].Examples) != 3 {
		t.Errorf("the survey is %+v", s)
	}
	var r *scribe
	if after := db.Stats(); after.Statements-before.Statements != 5 || after.Transactions != before.Transactions {
		t.Errorf("a survey of 601 orders is %d statements in %d writing transactions; want 5 and none", after.Statements-before.Statements, after.Transactions-before.Transactions)
	}
	must(t, db.Look(t.Context(), time.Second, func(in *schema.Look) (err error) {
		r = &scribe{Reader: in}
		_, err = p.asks.factsOf(t.Context(), r, []domain.OrderID{p.id})
		if err == nil {
			err = (&surveyor{Diagnoses: p.asks}).look(t.Context(), r)
		}
		return err
	}))
	for _, q := range r.questions {
		for step := range strings.SplitSeq(schematest.Plan(t, db, q.text, q.args...), "\n") {
			table, scans := strings.CutPrefix(step, "SCAN ")
			if scans && strings.HasPrefix(table, "orders") || scans && strings.HasPrefix(table, "events") || scans && (table == "m" || table == "outbox") {
				t.Errorf("%s\nis run so:\n%s", q.text, schematest.Plan(t, db, q.text, q.args...))
			}
		}
	}
}

// TestSurvey_ended: messages of orders that were cancelled before they began stay until somebody claims them. A survey
// neither counts those orders nor looks at their streams: they are one question more.
func TestSurvey_ended(t *testing.T) {
	schematest.OnEach(t, 2, map[string]func(*testing.T, *schema.DB){"": func(t *testing.T, db *schema.DB) {
		p := newPatient(t, db)
		p.store.Allow(domain.EventLevel)
		p.worker("w", 5)
		for range 12 {
			p.id = domain.OrderID(uuid.Must(uuid.NewV7()))
			p.place()
			p.do(work.Lease{}, work.SettleKeep, domain.Cancel{Reason: "no steel"})
		}
		p.id = domain.OrderID(uuid.Must(uuid.NewV7()))
		p.place()
		p.project()
		before := db.Stats()
		s, found, err := p.asks.Survey(t.Context(), diagnosis.Traffic{})
		must(t, err)
		if n := db.Stats().Statements - before.Statements; n != 6 || s.Looked != 1 || s.More || len(found) != 1 || found[0].OrderID != p.id {
			t.Errorf("beside orders that have ended, a survey of %d statements is %+v, want 6 and the one order", n, s)
		}
	}})
}

// TestSurvey_gaps: what could not be read is said, and an order of which too little was read is looked at again, or not
// told.
func TestSurvey_gaps(t *testing.T) {
	p := newPatient(t, schematest.SQLite(t))
	p.begin(p.worker("w", 5))
	p.project()
	for n, want := range map[int]struct {
		part     diagnosis.Part
		doubtful bool
		reason   diagnosis.Reason // empty: it is looked at again
	}{
		1: {diagnosis.PartQueue, false, diagnosis.Running},
		2: {diagnosis.PartHolds, true, ""},
		3: {diagnosis.PartQueue, false, diagnosis.Running},
		4: {diagnosis.PartNodes, false, diagnosis.NotRead},
		5: {diagnosis.PartView, true, ""},
	} {
		v := &surveyor{Diagnoses: p.asks}
		err := p.db.Look(t.Context(), lockPatience, func(in *schema.Look) error {
			return v.look(t.Context(), &meddled{Reader: in, by: &meddler{before: n, err: schema.ErrBusy}})
		})
		must(t, err)
		doubtful := slices.Contains(v.judge(), p.id)
		if doubtful != want.doubtful || len(v.gaps) != 1 || v.gaps[0].Part != want.part || len(v.found) > 0 && v.found[0].Reason != want.reason || want.reason != "" && len(v.found) != 1 {
			t.Errorf("without question %d: gaps %v, in doubt %v, found %v; want %+v", n, v.gaps, doubtful, v.found, want)
		}
	}
}

// TestScene_place: a message that may wait behind those that were read is not missing.
func TestScene_place(t *testing.T) {
	p := newPatient(t, schematest.SQLite(t))
	p.place()
	events, err := p.store.Load(t.Context(), p.id)
	must(t, err)
	for last, want := range map[int64]diagnosis.Reason{events[0].Position: diagnosis.MessageMissing, events[0].Position - 1: diagnosis.NotRead} {
		s := scene{lines: []diagnosis.Line{{Topic: "scheduling", Partition: events[0].Partition, Messages: 9, More: true, Marks: []int64{last}}}}
		s.nodes = []work.Node{{Node: "w", Roles: "worker", State: work.NodeActive}}
		f := diagnosis.Facts{OrderID: p.id, Events: events, Later: 1}
		s.place(&f)
		if a := diagnosis.Diagnose(f); a.Reason != want {
			t.Errorf("read up to position %d, of %d: %s, gaps %v; want %s", last, events[0].Position, a.Reason, a.Gaps, want)
		}
	}
}

// stored is a database for a benchmark: that of ORDERFLOW_BENCH_STORE, which "orderflow bench --only stored --store FILE"
// made, or an empty one. In it there is a backlog, of which a survey looks at the oldest orders.
func stored(b *testing.B) *patient {
	db := schematest.SQLiteAt(b, cmp.Or(os.Getenv("ORDERFLOW_BENCH_STORE"), filepath.Join(b.TempDir(), "new.db")))
	p := newPatient(b, db)
	p.worker("w", 5)
	p.begin(p.worker("v", 5))
	p.crowd(diagnosis.MostSurveyed + 2000)
	return p
}

// statements reports how many a run had.
func statements(b *testing.B, db *schema.DB, before schema.Stats) {
	b.ReportMetric(float64(db.Stats().Statements-before.Statements)/float64(b.N), "statements/op")
}

// BenchmarkSurvey surveys a backlog.
func BenchmarkSurvey(b *testing.B) {
	p := stored(b)
	before := p.db.Stats()
	for b.Loop() {
		s, _, err := p.asks.Survey(b.Context(), diagnosis.Traffic{})
		if err != nil || s.Looked != diagnosis.MostSurveyed || !s.More || s.Reasons[0].Reason != diagnosis.WaitingForSlot {
			b.Fatalf("%+v, %v", s, err)
		}
	}
	statements(b, p.db, before)
}

// BenchmarkSurveys makes surveys as a node does, with their figure and their list.
func BenchmarkSurveys(b *testing.B) {
	p := stored(b)
	s := NewSurveys(p.db, p.store, "w", nil)
	must(b, s.pass(b.Context()))
	before := p.db.Stats()
	for b.Loop() {
		must(b, s.pass(b.Context()))
	}
	statements(b, p.db, before)
}

// BenchmarkDiagnose diagnoses an order whose step runs, and one that waits.
func BenchmarkDiagnose(b *testing.B) {
	p := stored(b)
	must(b, NewSurveys(p.db, p.store, "w", nil).pass(b.Context()))
	running := p.id
	p.id = domain.OrderID(uuid.Must(uuid.NewV7()))
	p.place()
	for name, id := range map[string]domain.OrderID{"running": running, "waiting": p.id} {
		b.Run(name, func(b *testing.B) {
			before := p.db.Stats()
			for b.Loop() {
				if _, err := p.asks.Diagnose(b.Context(), id); err != nil {
					b.Fatal(err)
				}
			}
			statements(b, p.db, before)
		})
	}
}

package node

import (
	"context"
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
		for step := range strings.SplitSeq(planOf(t, db, q), "\n") {
			table, scans := strings.CutPrefix(step, "SCAN ")
			if scans && strings.HasPrefix(table, "orders") || scans && strings.HasPrefix(table, "events") || scans && (table == "m" || table == "outbox") {
				t.Errorf("%s\nis run so:\n%s", q.text, planOf(t, db, q))
			}
		}
	}
}

// BenchmarkSurvey surveys a backlog, of which it looks at the oldest orders.
func BenchmarkSurvey(b *testing.B) {
	p := newPatient(b, schematest.SQLite(b))
	p.worker("w", 5)
	p.crowd(diagnosis.MostSurveyed + 2000)
	for b.Loop() {
		s, _, err := p.asks.Survey(b.Context(), diagnosis.Traffic{})
		if err != nil || s.Looked != diagnosis.MostSurveyed || !s.More || s.Reasons[0].Reason != diagnosis.WaitingForSlot {
			b.Fatalf("%+v, %v", s, err)
		}
	}
}

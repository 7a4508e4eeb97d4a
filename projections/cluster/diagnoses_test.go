package cluster

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

// TestListing: a list is what its survey found, only what differs is written, and a survey that was delayed changes
// nothing.
func TestListing(t *testing.T) {
	schematest.OnEach(t, 2, map[string]func(*testing.T, *schema.DB){"": func(t *testing.T, db *schema.DB) {
		figures, list := NewFigures(db), NewListing(db)
		now, err := figures.Now(t.Context())
		must(t, err)
		find := func(n int, reason string, since time.Time) Listed {
			return Listed{OrderID: domain.OrderID{0: byte(n >> 8), 15: byte(n)}, Reason: reason, Verdict: "v", Since: since}
		}
		survey := func(asOf time.Time, all ...Listed) {
			t.Helper()
			_, err := figures.Write(t.Context(), Figure{Name: DiagnosesFigure, AsOf: asOf, Node: "n", Content: json.RawMessage(`{}`)})
			must(t, err)
			must(t, list.Update(t.Context(), asOf, all))
		}
		wants := func(reason string, want ...Listed) {
			t.Helper()
			got, err := list.Page(t.Context(), reason, domain.OrderID{}, 10_000)
			must(t, err)
			if !slices.EqualFunc(got, want, func(a, b Listed) bool {
				return a.OrderID == b.OrderID && a.Since.Equal(b.Since) && a.Verdict == b.Verdict
			}) {
				t.Errorf("%d are %s, want %d: %v", len(got), reason, len(want), got[:min(5, len(got))])
			}
		}
		var many []Listed
		for n := range 1200 {
			many = append(many, find(n+1, "waits", now))
		}
		survey(now, many...)
		wants("waits", many...)
		page, err := list.Page(t.Context(), "waits", many[99].OrderID, 3)
		if must(t, err); len(page) != 3 || page[0].OrderID != many[100].OrderID {
			t.Errorf("the page after order 99 is %v", page)
		}
		a, b, c := find(5, "waits", now), find(6, "runs", now.Add(time.Second)), find(7, "runs", time.Time{})
		survey(now.Add(time.Second), a, b, c)
		wants("waits", a)
		wants("runs", b, c)
		must(t, list.Update(t.Context(), now, many)) // the first one comes late
		wants("waits", a)
		b.Since = b.Since.Add(time.Second)
		survey(now.Add(2*time.Second), a, b)
		wants("runs", b)
		before := db.Stats().Transactions
		must(t, list.Update(t.Context(), now.Add(2*time.Second), []Listed{a, b}))
		if n := db.Stats().Transactions - before; n != 0 {
			t.Errorf("to write nothing took %d transactions", n)
		}
	}})
}

package projections

import (
	"bytes"
	"encoding/base64"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/projections/rebuild"
	"orderflow/projections/tail"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

// lets says what a filter should let through, by another way than SQL.
func (f Filter) lets(t testing.TB, v OrderView) bool {
	node := ""
	for _, s := range stepsOf(t, v) {
		if s.Attempt > 0 {
			node = s.Node
		}
	}
	return (len(f.Status) == 0 || slices.Contains(f.Status, v.Status)) &&
		(len(f.Step) == 0 || slices.Contains(f.Step, v.CurrentStep)) &&
		(len(f.Node) == 0 || slices.Contains(f.Node, node)) &&
		(f.TrackingID == "" || v.TrackingID == f.TrackingID) &&
		(f.Customer == nil || v.Customer == *f.Customer) &&
		(f.PlacedAfter.IsZero() || v.PlacedAt.After(f.PlacedAfter)) &&
		(f.PlacedBefore.IsZero() || v.PlacedAt.Before(f.PlacedBefore))
}

// all is every order, newest first, from the streams.
func (f *fixture) all(ids []domain.OrderID) (all []OrderView) {
	f.T.Helper()
	for _, id := range ids {
		all = append(all, f.fold(id))
	}
	slices.SortFunc(all, func(a, b OrderView) int {
		if c := b.PlacedAt.Compare(a.PlacedAt); c != 0 {
			return c
		}
		return bytes.Compare(b.OrderID[:], a.OrderID[:])
	})
	return all
}

// pages follows the cursors to the end.
func (f *fixture) pages(filter Filter) (all []OrderView) {
	f.T.Helper()
	for range 1000 {
		page := f.list(filter)
		if len(page.Orders) > filter.Limit || page.NextCursor != "" && len(page.Orders) < filter.Limit {
			f.T.Fatalf("a page of %d orders at limit %d, next %q", len(page.Orders), filter.Limit, page.NextCursor)
		}
		all = append(all, page.Orders...)
		if filter.Cursor = page.NextCursor; filter.Cursor == "" {
			return all
		}
	}
	f.T.Fatal("the pages have no end")
	return nil
}

// TestViews_List tries every combination of filters against the same done by hand.
func TestViews_List(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f, rng := newFixture(t, open(t)), random(t)
		ids := f.Many(rng, 60)
		same := f.Place("Same")
		for range 3 { // several orders of one tracking id, and names that differ little
			ids = append(ids, f.Place("same"), f.Place("same "))
			f.Now = f.Now.Add(-time.Millisecond) // and some placed at the same time
		}
		ids = append(ids, same)
		f.Do(ids[60], start(domain.Scheduling, 1, "NODE-1"))
		f.project(tail.Config{})
		all := f.all(ids)
		middle := all[len(all)/2].PlacedAt
		matched := 0
		for _, filter := range combinations(middle) {
			var want []OrderView
			for _, v := range all {
				if filter.lets(t, v) {
					want = append(want, v)
				}
			}
			filter.Limit = 4 + rng.IntN(12)
			got := f.pages(filter)
			if toJSON(t, got) != toJSON(t, want) {
				t.Errorf("%+v: %d orders\n%s\nwant %d\n%s", filter, len(got), toJSON(t, got), len(want), toJSON(t, want))
			}
			if len(want) > 0 && len(want) < len(all) {
				matched++
			}
		}
		if matched < 20 {
			t.Errorf("only %d filters let some orders through and not all: the test is too weak", matched)
		}
	})
}

func combinations(middle time.Time) (all []Filter) {
	for _, status := range [][]domain.Status{nil, {domain.StatusFailed}, {domain.Status(domain.Processing), domain.StatusFailed, domain.Status(domain.Processing)}, domain.Statuses()} {
		for _, step := range [][]domain.Step{nil, {domain.Scheduling}, {domain.PreProcessing, domain.Processing}} {
			for _, node := range [][]string{nil, {"node-1"}, {"NODE-1", "node-2"}, {"node"}} {
				for _, tracking := range []string{"", "same", "track-3"} {
					for window := range 6 {
						after, before := middle.Add(-20*time.Millisecond), middle.Add(20*time.Millisecond+500) // below a microsecond
						filter := Filter{Status: status, Step: step, Node: node, TrackingID: tracking}
						switch window {
						case 1:
							filter.PlacedAfter = middle
						case 2:
							filter.PlacedBefore = middle
						case 3:
							filter.PlacedAfter, filter.PlacedBefore = after, before
						case 4:
							filter.PlacedAfter = middle.Add(500)
						case 5:
							filter.PlacedBefore = middle.Add(500)
						}
						all = append(all, filter)
					}
				}
			}
		}
	}
	for _, customer := range []string{"", "acme", "Acme", "ACME", "acme "} {
		for _, status := range [][]domain.Status{nil, {domain.StatusFailed}, {domain.Status(domain.Processing), domain.StatusFailed}} {
			for _, step := range [][]domain.Step{nil, {domain.Scheduling}} {
				for _, node := range [][]string{nil, {"node-1"}} {
					for _, tracking := range []string{"", "track-3"} {
						for _, after := range []time.Time{{}, middle} {
							all = append(all, Filter{Customer: &customer, Status: status, Step: step, Node: node, TrackingID: tracking, PlacedAfter: after})
						}
					}
				}
			}
		}
	}
	return all
}

// TestViews_List_stable adds and changes orders between the pages: what was there at the
// first page comes once each.
func TestViews_List_stable(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f, rng := newFixture(t, open(t)), random(t)
		ids := f.Many(rng, 25)
		p := f.project(tail.Config{})
		want := f.all(ids)
		var got []domain.OrderID
		filter := Filter{Limit: 4}
		for {
			page := f.list(filter)
			for _, v := range page.Orders {
				got = append(got, v.OrderID)
			}
			if filter.Cursor = page.NextCursor; filter.Cursor == "" {
				break
			}
			f.Many(rng, 3)
			_, err := p.Round(t.Context())
			must(t, err)
		}
		if len(got) != len(want) {
			t.Fatalf("%d orders, want %d", len(got), len(want))
		}
		for i := range want {
			if got[i] != want[i].OrderID {
				t.Fatalf("order %d is %s, want %s", i, got[i], want[i].OrderID)
			}
		}
	})
}

func TestViews_List_limits(t *testing.T) {
	f := newFixture(t, schematest.SQLite(t))
	f.PlaceMany(MaxLimit + 1)
	f.project(tail.Config{})
	for limit, want := range map[int]int{0: DefaultLimit, 1: 1, MaxLimit: MaxLimit} {
		page, err := f.views.List(t.Context(), Filter{Limit: limit})
		if err != nil || len(page.Orders) != want || page.NextCursor == "" {
			t.Errorf("limit %d: %d orders, err %v; want %d and a next page", limit, len(page.Orders), err, want)
		}
	}
	full, err := f.views.List(t.Context(), Filter{Limit: 1})
	must(t, err)
	year := func(n int) time.Time { return time.Date(n, 1, 1, 0, 0, 0, 0, time.UTC) }
	other := "other"
	year1e5 := cursor{placed: year(100_000), id: domain.OrderID{1}}.String()
	for name, filter := range map[string]Filter{
		"limit -1":              {Limit: -1},
		"limit too high":        {Limit: MaxLimit + 1},
		"limit highest":         {Limit: math.MaxInt},
		"unknown status":        {Status: []domain.Status{"completed"}},
		"unknown step":          {Step: []domain.Step{"processing"}},
		"cursor not base64url":  {Cursor: "%%%"},
		"cursor too short":      {Cursor: full.NextCursor[:10]},
		"cursor too long":       {Cursor: full.NextCursor + "AAAA"},
		"cursor of other shape": {Cursor: base64.RawURLEncoding.EncodeToString(make([]byte, cursorBytes))},
		"another customer's":    {Cursor: cursor{customer: "acme", placed: f.Now}.String(), Customer: &other},
		"a customer's, for all": {Cursor: cursor{customer: "acme", placed: f.Now}.String()},
		"cursor for a customer": {Cursor: full.NextCursor, Customer: &other},
		"cursor padded":         {Cursor: full.NextCursor + "=="},
		"cursor beyond time":    {Cursor: year1e5},
		"after beyond time":     {PlacedAfter: year(20_000)},
		"before beyond time":    {PlacedBefore: year(0)},
	} {
		if _, err := f.views.List(t.Context(), filter); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%s: err %v, want ErrInvalid", name, err)
		}
	}
	last, err := f.views.List(t.Context(), Filter{Limit: MaxLimit, Cursor: full.NextCursor})
	if err != nil || len(last.Orders) != MaxLimit || last.NextCursor != "" {
		t.Errorf("last page: %d orders, next %q, err %v; want %d and none", len(last.Orders), last.NextCursor, err, MaxLimit)
	}
}

// TestViews_List_unreadable: one row that cannot be read does not keep the others from
// being listed.
func TestViews_List_unreadable(t *testing.T) {
	f := newFixture(t, schematest.SQLite(t))
	ids := f.PlaceMany(4)
	f.Do(ids[2], complete("n", domain.Scheduling)...)
	f.project(tail.Config{})
	f.Exec(`UPDATE orders SET steps = '{' WHERE order_id = ?1`, ids[1][:])
	f.Exec(`UPDATE orders SET steps = REPLACE(steps, 'PreProcessing', 'Scheduling') WHERE order_id = ?1`, ids[3][:])
	f.Exec(`UPDATE orders SET started_at = 'yesterday' WHERE order_id = ?1`, ids[2][:])
	f.Exec(`UPDATE orders SET detail = '{"n":' WHERE order_id = ?1`, ids[0][:])
	page := f.list(Filter{})
	if toJSON(t, page.Orders) != toJSON(t, f.all(ids)) {
		t.Errorf("listed %s, want %s", toJSON(t, page.Orders), toJSON(t, f.all(ids)))
	}
}

// TestViews_List_long: a page ends before its details are too long together, though never
// before its first order, and the next one goes on there.
func TestViews_List_long(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f := newFixture(t, open(t))
		var ids []domain.OrderID
		for _, size := range []int{50, 50, 10, 120, 28, 30, 40, 2} { // in bytes; listed from the last
			id := f.NewID()
			f.Do(id, domain.Place{Detail: []byte(strconv.Quote(strings.Repeat("x", size-2)))})
			ids = append(ids, id)
		}
		f.project(tail.Config{})
		f.views.maxDetails = 100
		for _, limit := range []int{2, 50} {
			var got []int
			var all []OrderView
			for filter := (Filter{Limit: limit}); ; {
				page := f.list(filter)
				got, all = append(got, len(page.Orders)), append(all, page.Orders...)
				if filter.Cursor = page.NextCursor; filter.Cursor == "" {
					break
				}
			}
			want := map[int][]int{2: {2, 2, 1, 2, 1}, 50: {4, 1, 2, 1}}[limit] // 2+40+30+28, 120, 10+50, 50
			if !slices.Equal(got, want) || toJSON(t, all) != toJSON(t, f.all(ids)) {
				t.Errorf("limit %d: pages of %v orders, want %v, and all of them once: %s", limit, got, want, toJSON(t, all))
			}
		}
	})
}

// TestViews_List_plan asks SQLite how it would answer: by searching an index that has
// the order of the list, without sorting.
func TestViews_List_plan(t *testing.T) {
	f := newFixture(t, schematest.SQLite(t))
	f.Many(random(t), 20)
	f.project(tail.Config{})
	f.Place("")
	at, acme := cursor{placed: f.Now, id: domain.OrderID{1}}, "acme"
	for _, swapped := range []bool{false, true} {
		prefix := "INDEX orders_"
		if swapped { // the other table has the same indexes
			prefix = "INDEX orders_next_"
			_, err := rebuild.Run(t.Context(), f.DB, f.Store, rebuild.Config{})
			must(t, err)
		}
		db := schematest.Again(f.T, f.DB) // a statement that explains, once prepared, does not heed the swap
		for name, c := range map[string]struct {
			filter Filter
			index  string
		}{
			"none":              {Filter{}, "placed"},
			"status":            {Filter{Status: []domain.Status{domain.StatusFailed}}, "status"},
			"step":              {Filter{Step: []domain.Step{domain.Scheduling}}, "step"},
			"node":              {Filter{Node: []string{"n"}}, "node"},
			"tracking":          {Filter{TrackingID: "t"}, "tracking"},
			"after":             {Filter{PlacedAfter: f.Now}, "placed"},
			"before":            {Filter{PlacedBefore: f.Now}, "placed"},
			"all":               {Filter{Status: []domain.Status{domain.StatusFailed}, Step: []domain.Step{domain.Scheduling}, Node: []string{"n"}, TrackingID: "t", PlacedAfter: f.Now, PlacedBefore: f.Now}, ""},
			"statuses":          {Filter{Status: []domain.Status{domain.StatusFailed, domain.StatusParked}}, "status"},
			"nodes":             {Filter{Node: []string{"n", "m"}, PlacedAfter: f.Now}, "node"},
			"customer":          {Filter{Customer: &acme}, "customer (customer=?"},
			"customer+time":     {Filter{Customer: &acme, PlacedAfter: f.Now}, "customer (customer=? AND placed_at>?"},
			"customer+status":   {Filter{Customer: &acme, Status: []domain.Status{domain.StatusFailed}}, "customer_status (customer=? AND status=?"},
			"customer+statuses": {Filter{Customer: &acme, Status: []domain.Status{domain.StatusFailed, domain.StatusParked}}, "customer_status (customer=? AND status=?"},
			"customer+tracking": {Filter{Customer: &acme, TrackingID: "t"}, "tracking"},
			"customer+step":     {Filter{Customer: &acme, Step: []domain.Step{domain.Scheduling}}, "step"},
			"customer+node":     {Filter{Customer: &acme, Node: []string{"n"}}, "customer"},
			"customers unnamed": {Filter{Customer: new(string)}, "placed"},
			"step+time":         {Filter{Step: []domain.Step{domain.Scheduling}, PlacedAfter: f.Now}, "step"},
		} {
			for _, cursor := range []cursor{{}, at} {
				q := query{table: f.views.table, dialect: f.DB.Dialect(), filter: c.filter, after: cursor, most: 51}
				text := q.text()
				plan := schematest.Plan(f.T, db, text, q.args...)
				verb := "SEARCH"
				if c.index == "placed" && c.filter.PlacedAfter.IsZero() && c.filter.PlacedBefore.IsZero() && cursor.placed.IsZero() {
					verb = "SCAN" // from the newest on
				}
				if len(c.filter.choices()) > 1 { // the keys that were found are sorted, no more of them than a page has
					if n := strings.Count(plan, "SEARCH orders USING COVERING "+prefix+c.index); n != 2 || !strings.Contains(plan, "SEARCH orders USING INDEX sqlite_autoindex") {
						t.Errorf("%s (cursor %v): %s\nwant 2 searches of index %q alone, and the rows by their keys", name, cursor.placed, plan, c.index)
					}
					continue
				}
				if !strings.Contains(plan, verb+" orders USING "+prefix) || !strings.Contains(plan, prefix+c.index) || strings.Contains(plan, "B-TREE") {
					t.Errorf("%s (cursor %v): %s\nwant %s by index %q and no sorting", name, cursor.placed, plan, verb, c.index)
				}
			}
		}
	}
}

package inflight_test

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/schema"
	"orderflow/transport/messaging/inflight"
)

func TestDeadLetters_Page(t *testing.T) {
	onEach(t, map[string]func(*testing.T, *schema.DB){"": testLetterList})
}

// letterTime is when the letters of a test were parked, and later.
var letterTime = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// putLetter makes a dead letter of the group of a test, so many seconds later.
func putLetter(t *testing.T, db *schema.DB, k inflight.LetterKey, reason string, later int) inflight.LetterKey {
	t.Helper()
	exec(t, db, `INSERT INTO dead_letters (consumer_group, topic, partition, position, uuid, payload, metadata, attempt, interruptions, reason, parked_at)
		VALUES (?1, ?2, ?3, ?4, 'u', ?5, '{}', 4, 3, ?6, ?7)`,
		k.Group, k.Topic, k.Partition, k.Position, []byte("p"), reason, schema.TimeArg(letterTime.Add(time.Duration(later)*time.Second)))
	return k
}

func testLetterList(t *testing.T, db *schema.DB) {
	topics := []string{name("topic"), name("topic")}
	var keys []inflight.LetterKey // in the order of the list
	later := map[inflight.LetterKey]int{}
	for i := range 12 {
		k := inflight.LetterKey{Group: "workers", Topic: topics[i%2], Partition: -7 - i/2%2, Position: int64(i + 1)}
		reason := fmt.Sprintf("interrupted 3 times; the last time: the lease of node N%%_%d expired", i%3)
		keys, later[k] = append(keys, putLetter(t, db, k, reason, i/6)), i/6
	}
	slices.SortFunc(keys, func(a, b inflight.LetterKey) int {
		return cmp.Or(later[b]-later[a], strings.Compare(b.Topic, a.Topic), b.Partition-a.Partition, int(b.Position-a.Position))
	})
	some := func(keep func(inflight.LetterKey) bool) (of []inflight.LetterKey) {
		for _, k := range keys {
			if keep(k) {
				of = append(of, k)
			}
		}
		return of
	}
	both := inflight.LetterFilter{Topics: topics}
	with := func(change func(*inflight.LetterFilter)) inflight.LetterFilter {
		f := both
		change(&f)
		return f
	}
	for what, c := range map[string]struct {
		filter inflight.LetterFilter
		want   []inflight.LetterKey
	}{
		"all":           {both, keys},
		"one topic":     {inflight.LetterFilter{Topics: topics[:1]}, some(func(k inflight.LetterKey) bool { return k.Topic == topics[0] })},
		"a reason":      {with(func(f *inflight.LetterFilter) { f.Reason = "node N%_1 exp" }), some(func(k inflight.LetterKey) bool { return k.Position%3 == 2 })},
		"another case":  {with(func(f *inflight.LetterFilter) { f.Reason = "node n%_1 exp" }), nil},
		"parked after":  {with(func(f *inflight.LetterFilter) { f.ParkedAfter = letterTime }), keys[:6]},
		"parked before": {with(func(f *inflight.LetterFilter) { f.ParkedBefore = letterTime.Add(time.Second) }), keys[6:]},
		"a node":        {with(func(f *inflight.LetterFilter) { f.Nodes = []string{"n1", "n2"} }), nil},
		"a customer":    {with(func(f *inflight.LetterFilter) { f.Customer = "c" }), nil},
	} {
		for _, limit := range []int{1, 5, 12, 13} {
			if got := allPages(t, db, c.filter, limit); !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s, %d a page: got %v, want %v", what, limit, got, c.want)
			}
		}
		if n, err := inflight.NewDeadLetters(db).Count(t.Context(), c.filter, 100); err != nil || n != len(c.want) {
			t.Errorf("%s: counted %d (err %v), want %d", what, n, err, len(c.want))
		}
	}
	badLetterLists(t, db)
}

// allPages reads the list page by page.
func allPages(t *testing.T, db *schema.DB, f inflight.LetterFilter, limit int) (keys []inflight.LetterKey) {
	t.Helper()
	for cursor, first := "", true; cursor != "" || first; first = false {
		page, err := inflight.NewDeadLetters(db).Page(t.Context(), f, cursor, limit)
		must(t, err)
		if len(page.Letters) > limit || cursor != "" && len(page.Letters) == 0 {
			t.Fatalf("a page of %d has %d letters", limit, len(page.Letters))
		}
		for _, l := range page.Letters {
			keys = append(keys, l.LetterKey)
		}
		cursor = page.Next
	}
	return keys
}

func badLetterLists(t *testing.T, db *schema.DB) {
	d := inflight.NewDeadLetters(db)
	for what, c := range map[string]struct {
		filter inflight.LetterFilter
		cursor string
		limit  int
	}{
		"a topic":        {filter: inflight.LetterFilter{Topics: []string{"'"}}, limit: 1},
		"a long reason":  {filter: inflight.LetterFilter{Reason: strings.Repeat("x", 201)}, limit: 1},
		"a year":         {filter: inflight.LetterFilter{ParkedAfter: time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)}, limit: 1},
		"a long node":    {filter: inflight.LetterFilter{Nodes: []string{strings.Repeat("n", 451)}}, limit: 1},
		"many topics":    {filter: inflight.LetterFilter{Topics: strings.Split(strings.Repeat("t,", 20)+"t", ",")}, limit: 1},
		"no limit":       {},
		"a high limit":   {limit: inflight.MaxLetters + 1},
		"a cursor":       {cursor: "x", limit: 1},
		"another cursor": {cursor: "MjAyNnxh", limit: 1},
	} {
		if _, err := d.Page(t.Context(), c.filter, c.cursor, c.limit); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%s: err %v, want ErrInvalid", what, err)
		}
	}
}

// TestDeadLetters_Page_orders filters by what lists say of the letters' orders.
func TestDeadLetters_Page_orders(t *testing.T) {
	onEach(t, map[string]func(*testing.T, *schema.DB){"": func(t *testing.T, db *schema.DB) {
		topic := name("topic")
		var keys []inflight.LetterKey
		for i, of := range []struct{ node, customer string }{{"n1", "acme"}, {"n2", "acme"}, {"n2", "other"}} {
			id := domain.OrderID{7, byte(i + 1)}
			exec(t, db, `INSERT INTO events (partition, position, stream_id, version, type, data, metadata, recorded_at, hash) VALUES (-7, ?1, ?2, 1, 't', '{}', '{}', ?3, ?4)`,
				i+100, id[:], schema.TimeArg(letterTime), make([]byte, 32))
			exec(t, db, `INSERT INTO orders (order_id, version, status, node, customer, placed_at, steps) VALUES (?1, 1, 'Parked', ?2, ?3, ?4, '[]')`,
				id[:], of.node, of.customer, schema.TimeArg(letterTime))
			keys = append([]inflight.LetterKey{putLetter(t, db, inflight.LetterKey{Group: "workers", Topic: topic, Partition: -7, Position: int64(i + 100)}, "r", i)}, keys...)
		}
		for what, c := range map[string]struct {
			filter inflight.LetterFilter
			want   []inflight.LetterKey
		}{
			"node":     {inflight.LetterFilter{Nodes: []string{"n2", "n3"}}, keys[:2]},
			"customer": {inflight.LetterFilter{Customer: "acme"}, keys[1:]},
			"both":     {inflight.LetterFilter{Nodes: []string{"n2"}, Customer: "acme", Topics: []string{topic}, Reason: "r"}, keys[1:2]},
		} {
			if got := allPages(t, db, c.filter, 1); !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s: got %v, want %v", what, got, c.want)
			}
		}
	}})
}

// TestDeadLetters_seen: a letter that was requeued and parked again is not the one that was seen.
func TestDeadLetters_seen(t *testing.T) {
	onEach(t, map[string]func(*testing.T, *schema.DB){"": func(t *testing.T, db *schema.DB) {
		d := inflight.NewDeadLetters(db)
		k := putLetter(t, db, inflight.LetterKey{Group: "workers", Topic: name("topic"), Partition: -1, Position: 1}, "r", 0)
		for what, try := range map[string]func(tx *schema.Tx, attempt int) error{
			"requeue": func(tx *schema.Tx, attempt int) error { return d.RequeueSeenTx(t.Context(), tx, k, attempt) },
			"discard": func(tx *schema.Tx, attempt int) error { return d.DiscardSeenTx(t.Context(), tx, k, attempt) },
		} {
			undo := errors.New("undo")
			for attempt, want := range map[int]error{3: domain.ErrNotFound, 4: undo, 5: domain.ErrNotFound} {
				err := db.InTx(t.Context(), func(tx *schema.Tx) error {
					if err := try(tx, attempt); err != nil {
						return err
					}
					return undo
				})
				if !errors.Is(err, want) {
					t.Errorf("%s of attempt %d: err %v, want %v", what, attempt, err, want)
				}
			}
		}
		if n := exec(t, db, `DELETE FROM dead_letters WHERE topic = ?1`, k.Topic); n != 1 {
			t.Errorf("%d letters are left, want the one", n)
		}
	}})
}

package storetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/eventstore"
	"orderflow/schema"
)

// same compares events field by field.
func same(t testing.TB, want, got []domain.Recorded) {
	t.Helper()
	if len(want) != len(got) {
		t.Fatalf("%d events, want %d", len(got), len(want))
	}
	for i := range want {
		w, _ := json.Marshal(want[i])
		g, _ := json.Marshal(got[i])
		if !bytes.Equal(w, g) || !want[i].RecordedAt.Equal(got[i].RecordedAt) {
			t.Errorf("event %d:\n got %s\nwant %s", i, g, w)
		}
	}
}

// noHoles reads the whole log and checks positions and versions.
func noHoles(t *testing.T, f *fixture) {
	t.Helper()
	heads, err := f.Heads(t.Context())
	must(t, err)
	versions := map[domain.OrderID]int{}
	for p, head := range heads {
		var after int64
		for {
			events, err := f.ReadLog(t.Context(), p, after, 7)
			must(t, err)
			if len(events) == 0 {
				break
			}
			for _, r := range events {
				if after++; r.Position != after || r.Partition != p {
					t.Fatalf("partition %d: position %d, want %d", p, r.Position, after)
				}
				if versions[r.OrderID]++; r.Version != versions[r.OrderID] {
					t.Fatalf("order %s: version %d, want %d", r.OrderID, r.Version, versions[r.OrderID])
				}
			}
		}
		if after != head {
			t.Fatalf("partition %d: the head is %d and the last event at %d", p, head, after)
		}
	}
}

// awaitQueue waits until n appends are queued for a partition.
func (f *fixture) awaitQueue(t *testing.T, partition, n int) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for f.Queued(partition) < n {
		if time.Now().After(deadline) {
			t.Fatalf("%d appends are queued, want %d", f.Queued(partition), n)
		}
		time.Sleep(time.Millisecond)
	}
}

var errGate = errors.New("rolled back by the test")

// testInterleaved opens four transactions, 0 to 3, and ends them in the order 2
// (commit), 3 (roll back), 1 (commit), 0 (commit), while a reader polls. It must see
// every event once, in order of position, and no position skipped.
func testInterleaved(t *testing.T, open func(testing.TB) *schema.DB) {
	for _, c := range []struct {
		name       string
		partitions [4]int
	}{{"four partitions", [4]int{0, 1, 2, 3}}, {"one partition", [4]int{0, 0, 0, 0}}} {
		t.Run(c.name, func(t *testing.T) {
			db := open(t)
			r := newPoller(t, newFixture(t, db))
			var gates [4]chan error
			entered := make(chan int, 4)
			var wg sync.WaitGroup
			for i := range gates {
				gates[i] = make(chan error, 1)
				f := newFixture(t, db) // a node of its own
				f.outbox.inside = func(string) error { entered <- i; return <-gates[i] }
				wg.Go(func() {
					_, err := f.Append(t.Context(), placed(orderIn(f.Store, c.partitions[i]%f.Partitions(), 1000*(i+1))))
					if (err != nil) != (i == 3) || (i == 3 && !errors.Is(err, errGate)) {
						t.Errorf("append %d: %v", i, err)
					}
				})
			}
			// Where transactions can be open side by side, all of them are before the first ends.
			open := 1
			if db.Dialect().Name() == "sqlserver" && c.partitions[1] != 0 {
				open = 4
			}
			for range open {
				select {
				case <-entered:
				case <-time.After(10 * time.Second):
					t.Fatal("the transactions did not get to their end")
				}
			}
			for _, i := range []int{2, 3, 1, 0} {
				var outcome error
				if i == 3 {
					outcome = errGate
				}
				gates[i] <- outcome
				r.poll()
			}
			wg.Wait()
			r.expect(3)
		})
	}
}

// poller reads the log as a projection does: after the last position it saw.
type poller struct {
	t    *testing.T
	f    *fixture
	last []int64
	seen map[string]int
}

func newPoller(t *testing.T, f *fixture) *poller {
	return &poller{t: t, f: f, last: make([]int64, f.Partitions()), seen: map[string]int{}}
}

func (r *poller) poll() {
	r.t.Helper()
	for p := range r.last {
		events, err := r.f.ReadLog(context.WithoutCancel(r.t.Context()), p, r.last[p], 100)
		if err != nil {
			r.t.Errorf("poll: %v", err)
			return
		}
		for _, e := range events {
			if e.Position != r.last[p]+1 {
				r.t.Errorf("partition %d: position %d follows %d", p, e.Position, r.last[p])
			}
			r.last[p] = e.Position
			r.seen[domain.EventID(e.OrderID, e.Version)]++
		}
	}
}

func (r *poller) expect(n int) {
	r.t.Helper()
	r.poll()
	if len(r.seen) != n {
		r.t.Errorf("the reader saw %d events, want %d", len(r.seen), n)
	}
	for id, times := range r.seen {
		if times != 1 {
			r.t.Errorf("the reader saw event %s %d times", id, times)
		}
	}
}

// testReader has many writers on several nodes, some of which roll back, and a reader
// that polls all the while.
func testReader(t *testing.T, open func(testing.TB) *schema.DB) {
	const writers, each = 8, 25
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	db := open(t)
	r := newPoller(t, newFixture(t, db))
	var wg sync.WaitGroup
	fails := 0
	for w := range writers {
		f := newFixture(t, db)
		rng := rand.New(rand.NewPCG(seed, uint64(w)))
		plan := make([]bool, each)
		for i := range plan {
			if plan[i] = rng.IntN(5) == 0; plan[i] {
				fails++
			}
		}
		wg.Go(func() {
			for i, fail := range plan {
				f.outbox.err = nil
				if fail {
					f.outbox.err = errGate
				}
				if _, err := f.Append(t.Context(), placed(order(1000*w+i))); (err != nil) != fail {
					t.Errorf("writer %d, append %d: %v", w, i, err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
			r.poll()
		}
	}
	r.expect(writers*each - fails)
	noHoles(t, r.f)
}

// testEachEvent: events come stream by stream, of the streams asked for and no others, and as Load
// gives them, but for their stored bytes and hashes.
func testEachEvent(t *testing.T, open func(testing.TB) *schema.DB) {
	f := newFixture(t, open(t))
	var ids []domain.OrderID
	for i := range 4 {
		ids = append(ids, order(10+i))
		_, err := f.Append(t.Context(), placed(ids[i]))
		must(t, err)
	}
	_, err := f.Append(t.Context(), started(ids[1], 1, 1))
	must(t, err)
	slices.SortFunc(ids, func(a, b domain.OrderID) int { return bytes.Compare(a[:], b[:]) })
	var got []domain.Recorded
	read := func(each func(func(domain.Recorded, error)) error) []domain.Recorded {
		t.Helper()
		got = nil
		must(t, each(func(r domain.Recorded, err error) { must(t, err); got = append(got, r) }))
		return got
	}
	var want []domain.Recorded
	for _, id := range ids[1:3] {
		events, err := f.Load(t.Context(), id)
		must(t, err)
		for _, r := range events {
			r.Data, r.RawMeta, r.Hash = nil, nil, nil
			want = append(want, r)
		}
	}
	same(t, want, read(func(tell func(domain.Recorded, error)) error { return f.EachEvent(t.Context(), ids[0], ids[2], tell) }))
	same(t, want, read(func(tell func(domain.Recorded, error)) error { return f.EachEventOf(t.Context(), ids[1:3], tell) }))
}

// testStreamsOf: whole streams come as Load gives them, of the orders asked for and no others, in order of their ids;
// also those that are larger than what is read at once.
func testStreamsOf(t *testing.T, open func(testing.TB) *schema.DB) {
	f := newFixture(t, open(t))
	ids := []domain.OrderID{order(10), order(11), order(12), order(13)}
	slices.SortFunc(ids, func(a, b domain.OrderID) int { return bytes.Compare(a[:], b[:]) })
	for i, id := range ids {
		u := placed(id)
		if i < 3 { // together more than a page
			u.Events = []domain.Event{domain.OrderPlaced{Detail: largeJSON(3 << 20)}, domain.OrderParked{Reason: "x"}}
		}
		_, err := f.Append(t.Context(), u)
		must(t, err)
	}
	next, err := f.NextStreams(t.Context(), ids[0], 2)
	if must(t, err); !slices.Equal(next, ids[1:3]) {
		t.Errorf("after the first come %v, want %v", next, ids[1:3])
	}
	for _, some := range [][]domain.OrderID{ids, {ids[0], ids[2], order(99)}, {order(99)}, nil} {
		var want, got [][]domain.Recorded
		for _, id := range some {
			if events, err := f.Load(t.Context(), id); err == nil {
				want = append(want, events)
			}
		}
		must(t, f.EachStreamOf(t.Context(), some, nil, func(events []domain.Recorded) error { got = append(got, slices.Clone(events)); return nil }))
		if len(got) != len(want) {
			t.Fatalf("%d streams, want %d", len(got), len(want))
		}
		for i := range want {
			same(t, want[i], got[i])
		}
	}
}

func largeJSON(n int) json.RawMessage { return json.RawMessage(`"` + strings.Repeat("x", n) + `"`) }

// testContent has what is hard to store come back byte for byte.
func testContent(t *testing.T, open func(testing.TB) *schema.DB) {
	f := newFixture(t, open(t))
	for i, detail := range []string{
		`{"name":"Grüße, 世界 🌍 \u0000 \ud83d\ude00","html":"<a href='x'>&</a>"}`,
		`{"big":123456789012345678901234567890.000,"exp":1e400,"order":{"b":1,"a":2}}`,
		`"` + strings.Repeat("é🌍", 1<<20/6) + `"`,
		`[]`, `null`, `"\u2028"`, `" trailing spaces   "`,
	} {
		id := order(10 + i)
		a := placed(id)
		a.Events = []domain.Event{domain.OrderPlaced{TrackingID: "Ω ' ; -- " + fmt.Sprint(i), Detail: json.RawMessage(detail)}}
		recorded, err := f.Append(t.Context(), a)
		must(t, err)
		loaded, err := f.Load(t.Context(), id)
		must(t, err)
		same(t, recorded.Events, loaded)
		if got := loaded[0].Event.(domain.OrderPlaced).Detail; string(got) != detail {
			t.Errorf("detail %d came back as %.80s, want %.80s", i, got, detail)
		}
	}
	t.Run("times", func(t *testing.T) { testTimes(t, open) })
}

// testTimes: microseconds survive, and time never runs backwards in a stream.
func testTimes(t *testing.T, open func(testing.TB) *schema.DB) {
	now := time.Date(2026, 11, 22, 23, 59, 59, 999999999, time.FixedZone("", -3600))
	store, err := eventstore.Open(t.Context(), open(t), eventstore.Config{Outbox: &outbox{}, Clock: func() time.Time { return now }})
	must(t, err)
	_, err = store.Append(t.Context(), placed(order(1)))
	must(t, err)
	first := now
	now = now.Add(-time.Hour) // the clock is put back
	_, err = store.Append(t.Context(), started(order(1), 1, 1))
	must(t, err)
	events, err := store.Load(t.Context(), order(1))
	must(t, err)
	for i, e := range events {
		if w := first.UTC().Truncate(time.Microsecond); !e.RecordedAt.Equal(w) || e.RecordedAt.Location() != time.UTC {
			t.Errorf("event %d was recorded at %v, want %v", i+1, e.RecordedAt, w)
		}
	}
}

// testHash recomputes the chain from what was read.
func testHash(t *testing.T, open func(testing.TB) *schema.DB) {
	f := newFixture(t, open(t))
	id := order(6)
	_, err := f.Append(t.Context(), placed(id))
	must(t, err)
	for v := 1; v < 5; v++ {
		_, err = f.Append(t.Context(), started(id, v, v))
		must(t, err)
	}
	events, err := f.Load(t.Context(), id)
	must(t, err)
	var previous []byte
	for _, e := range events {
		if h := eventstore.Hash(previous, e); !bytes.Equal(h, e.Hash) {
			t.Errorf("event %d: hash %x, want %x", e.Version, e.Hash, h)
		}
		previous = e.Hash
	}
}

func testAppendOnly(t *testing.T, open func(testing.TB) *schema.DB) {
	f := newFixture(t, open(t))
	recorded, err := f.Append(t.Context(), placed(order(7)))
	must(t, err)
	for _, statement := range []string{`UPDATE events SET type = 'x'`, `DELETE FROM events`} {
		err := f.db.InTx(t.Context(), func(tx *schema.Tx) error {
			_, err := tx.ExecContext(t.Context(), statement)
			return err
		})
		if err == nil {
			t.Errorf("%s was not refused", statement)
		}
	}
	loaded, err := f.Load(t.Context(), order(7))
	must(t, err)
	same(t, recorded.Events, loaded)
}

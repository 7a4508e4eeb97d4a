package projections

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/stored"
	"orderflow/projections/internal/logtest"
	"orderflow/projections/internal/rows"
	"orderflow/projections/tail"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

var update = flag.Bool("update", false, "write the golden files")

func toJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := stored.Marshal(v) // as json.Marshal, without HTML escapes
	must(t, err)
	return string(b)
}

// TestOrderView_MarshalJSON pins the JSON of the API, byte for byte, of an order in each
// kind of state, as it comes from the row and as it comes from the stream.
func TestOrderView_MarshalJSON(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f := newFixture(t, open(t))
		s := domain.Steps()
		type history struct {
			name     string
			commands []domain.Command
		}
		hold := func(c history) {
			id := f.Place("track <1> \"ü\"")
			f.Do(id, c.commands...)
			f.pinned(c.name, id)
		}
		for _, c := range []history{
			{"pending", nil},
			{"running", append(complete("node-1", s[0]), start(s[1], 1, "node-2"))},
			{"interrupted", interrupted("node-1")[:2]},
			{"parked", interrupted("node-1")},
			{"rolling-back", fail("node-1", 2)[:7]},
			{"failed", fail("node-1", 2)},
			{"completed", complete("node-1", s...)},
		} {
			hold(c)
		}
		bare := f.NewID()
		f.Now = f.Now.Truncate(time.Second).Add(time.Second - time.Millisecond) // a time with nothing below the second
		f.Do(bare, domain.Place{})
		v, err := f.views.Get(t.Context(), bare)
		must(t, err)
		golden(t, "bare", []byte(toJSON(t, v)))
		hold(history{"cancel-asked", logtest.Cancelled("node-1", 1)[:5]})
		hold(history{"cancelled", logtest.Cancelled("node-1", 1)})
		hold(history{"given-up", logtest.GivenUp("node-1")})
		again := f.NewID()
		f.Do(again, domain.Place{TrackingID: "track", Detail: []byte(`{"n":1}`), RetryOf: bare})
		f.pinned("retry", again)
	})
}

// pinned holds the newest order, as it comes from the row and as it comes from the stream, against a golden file.
func (f *fixture) pinned(name string, id domain.OrderID) {
	f.T.Helper()
	live, err := f.views.Get(f.T.Context(), id)
	must(f.T, err)
	f.project(tail.Config{})
	rows := f.list(Filter{Limit: 1})
	golden(f.T, name, []byte(toJSON(f.T, live)))
	if got := rows.Orders[0]; toJSON(f.T, got) != toJSON(f.T, live) {
		f.T.Errorf("%s: from the row\n%s\nfrom the stream\n%s", name, toJSON(f.T, got), toJSON(f.T, live))
	}
	seen, err := f.views.Get(f.T.Context(), id)
	must(f.T, err)
	golden(f.T, name, seen.AppendJSON(nil))
	var back OrderView
	must(f.T, json.Unmarshal([]byte(toJSON(f.T, live)), &back))
	if toJSON(f.T, back) != toJSON(f.T, live) || !reflect.DeepEqual(stepsOf(f.T, back), stepsOf(f.T, live)) {
		f.T.Errorf("%s: read back %+v, want %+v", name, back, live)
	}
}

func TestOrderView_MarshalJSON_zone(t *testing.T) {
	v := OrderView{PlacedAt: time.Date(2026, 1, 1, 0, 30, 0, 0, time.FixedZone("", 3600))}
	if got := toJSON(t, v); !strings.Contains(got, `"placed_at":"2025-12-31T23:30:00.000000Z"`) {
		t.Errorf("the time is not in UTC: %s", got)
	}
}

func TestPage_MarshalJSON(t *testing.T) {
	f := newFixture(t, schematest.SQLite(t))
	empty := f.list(Filter{})
	golden(t, "page-empty", []byte(toJSON(t, empty)))
	f.Place("a")
	f.Place("b")
	f.project(tail.Config{})
	first := f.list(Filter{Limit: 1})
	golden(t, "page-first", []byte(toJSON(t, first)))
	var back Page
	must(t, json.Unmarshal([]byte(toJSON(t, first)), &back))
	if toJSON(t, back) != toJSON(t, first) {
		t.Errorf("read back %s, want %s", toJSON(t, back), toJSON(t, first))
	}
}

// golden compares with a file of testdata, which never changes once released.
func golden(t testing.TB, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name+".json")
	if *update {
		must(t, os.MkdirAll("testdata", 0o755))
		must(t, os.WriteFile(file, append(got, '\n'), 0o644))
	}
	want, err := os.ReadFile(file)
	must(t, err)
	if string(got)+"\n" != string(want) {
		t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
	}
}

// TestAppendJSON: what goes out as it is must be what encoding/json would make of it.
func TestAppendJSON(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	must(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		must(t, err)
		stored := strings.TrimSuffix(string(text), "\n")
		var got string
		if strings.HasPrefix(filepath.Base(file), "page-") {
			var p Page
			must(t, json.Unmarshal(text, &p))
			got = string(p.AppendJSON(nil))
		} else {
			var v OrderView
			must(t, json.Unmarshal(text, &v))
			var all rows.States
			_, err := rows.DecodeSteps(string(v.Steps), &all)
			must(t, err)
			v.Steps = Steps(rows.EncodeSteps(&all))
			got = string(v.AppendJSON([]byte("[")))[1:]
		}
		if got != stored {
			t.Errorf("%s:\n%s\nwant\n%s", file, got, stored)
		}
	}
}

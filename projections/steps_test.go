package projections

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

// someSteps are steps in every kind of state.
func someSteps() steps {
	at := time.Date(2026, 11, 22, 1, 2, 3, 456789000, time.UTC)
	return steps{
		{Status: domain.StepStatusCompleted, Attempt: 1, Node: "n", StartedAt: at, CompletedAt: at.Add(time.Hour)},
		{Status: domain.StepStatusRolledBack, Attempt: 12, Node: "n", StartedAt: at, CompletedAt: at, Error: "out of <steel>", RolledBackAt: at},
		{Status: domain.StepStatusFailed, Attempt: 3, Error: "plain"},
		{Status: domain.StepStatusPending},
	}
}

// sparseSteps are someSteps as programs stored them that left out what is empty.
const sparseSteps = `[{"step":"Scheduling","status":"Completed","attempt":1,"node":"n","started_at":"2026-11-22T01:02:03.456789Z","completed_at":"2026-11-22T02:02:03.456789Z"},` +
	`{"step":"PreProcessing","status":"RolledBack","attempt":12,"node":"n","started_at":"2026-11-22T01:02:03.456789Z","completed_at":"2026-11-22T01:02:03.456789Z",` +
	`"error":"out of <steel>","rolled_back_at":"2026-11-22T01:02:03.456789Z"},` +
	`{"step":"Processing","status":"Failed","attempt":3,"error":"plain"},{"step":"PostProcessing","status":"Pending"}]`

// FuzzScanSteps holds steps that are read without encoding/json against it, and those that go out
// as they are stored against what is written.
func FuzzScanSteps(f *testing.F) {
	all := someSteps()
	stored := encodeSteps(&all)
	for text, sent := range map[string]bool{stored: true, sparseSteps: false} {
		var got steps
		if asSent, ok := scanSteps(text, &got); !ok || asSent != sent || got != all {
			f.Errorf("%s is read as %+v, goes out %v, %v", text, got, asSent, ok)
		}
	}
	if sparse(stored) != sparseSteps {
		f.Errorf("the sparse form is\n%s\nwant\n%s", sparse(stored), sparseSteps)
	}
	escaped := all
	escaped[2].Error = "größe \"5\"\n"
	f.Add(encodeSteps(&escaped))
	for _, change := range [][2]string{
		{``, ``}, {`,"attempt":1,`, `,"attempt":-1,`}, {`"attempt":12`, `"attempt":012`}, {`-11-22`, `-11-31`}, {`T01:02:03`, `T24:02:03`}, {`T01:02:03`, `T01:02:60`},
		{`.456789Z`, `.45678Z`}, {`.456789Z`, `.456789+01:00`}, {`.456789Z`, `Z`}, {`2026`, `0000`}, {`2026`, `20 6`}, {`"plain"`, `null`}, {`"plain"`, `"\u0041"`}, {`"plain"`, `"ü"`},
		{`"node":"n",`, `"node":"n","node":"m",`}, {`"node":"n"`, `"node":""`}, {`"attempt":12`, `"attempt":0`}, {`2026-11-22T01:02:03.456789Z`, `0001-01-01T00:00:00.000000Z`}, {`2026-11-22T01:02:03.456789Z`, ``},
		{`[{`, `[{"more":1,`}, {`]`, `,{}]`}, {`]`, `] `}, {`[`, `[ `}, {`"step"`, `"Step"`}, {`-11-22T`, `-11-22t`}, {`2026-11-22`, `2026-02-29`}, {`Processing`, `processing`}, {`"Failed"`, `""`},
		{`,"node":null`, ``}, {`,"attempt":0`, ``}, {`,"rolled_back_at":null`, `,"rolled_back_at":nul`},
	} {
		f.Add(strings.Replace(stored, change[0], change[1], 1))
		f.Add(strings.Replace(sparseSteps, change[0], change[1], 1))
	}
	f.Fuzz(func(t *testing.T, stored string) {
		var got steps
		asSent, ok := scanSteps(stored, &got)
		if !ok {
			return // it is left to encoding/json
		}
		var want []StepView
		if err := json.Unmarshal([]byte(stored), &want); err != nil || len(want) != len(got) {
			t.Fatalf("%s is read as %+v; encoding/json has %+v, %v", stored, got, want, err)
		}
		for i, v := range want {
			if v.Step != stepNames[i] || v.state() != got[i] {
				t.Errorf("%s is read as %+v; encoding/json has %+v", stored, got, want)
			}
		}
		if sent := encodeSteps(&got); asSent && stored != sent {
			t.Errorf("%s\ngoes out as it is stored, and is written as\n%s", stored, sent)
		}
	})
}

// TestRow_sparse: rows of a program that left out empty members of steps are shown, listed, gone on
// with, verified and rebuilt like any other.
func TestRow_sparse(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		f := newFixture(t, open(t))
		ids := f.many(random(t), 10)
		ids = append(ids, f.place("under way"))
		id := ids[len(ids)-1]
		f.do(id, complete("n", domain.Scheduling)...)
		f.project(Options{})
		older := func() {
			t.Helper()
			f.exec(`UPDATE orders SET steps = ` + sparseSQL(`steps`))
			var n int
			must(t, f.db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM orders WHERE steps LIKE '%null%'`).Scan(&n))
			if n > 0 {
				t.Fatalf("%d rows are not in the old form", n)
			}
		}
		older()
		if page := f.list(Filter{}); toJSON(t, page.Orders) != toJSON(t, f.all(ids)) {
			t.Errorf("listed %s, want %s", toJSON(t, page.Orders), toJSON(t, f.all(ids)))
		}
		f.verify()
		f.do(id, complete("n", domain.PreProcessing)...)
		f.project(Options{})
		f.sameAsStreams(ids)
		f.verify()
		older()
		before := f.db.Stats().Statements
		r, err := Rebuild(t.Context(), f.db, f.Store, RebuildOptions{})
		if must(t, err); !r.Clean() {
			t.Errorf("the rebuild found %+v", r)
		}
		t.Logf("%d statements", f.db.Stats().Statements-before)
		f.sameAsStreams(ids)
	})
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
			var all steps
			_, err := decodeSteps(v.OrderID, string(v.Steps), &all)
			must(t, err)
			v.Steps = Steps(encodeSteps(&all))
			got = string(v.AppendJSON([]byte("[")))[1:]
		}
		if got != stored {
			t.Errorf("%s:\n%s\nwant\n%s", file, got, stored)
		}
	}
}

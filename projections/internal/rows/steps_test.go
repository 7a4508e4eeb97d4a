package rows

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"orderflow/domain"
)

// someSteps are steps in every kind of state.
func someSteps() States {
	at := time.Date(2026, 11, 22, 1, 2, 3, 456789000, time.UTC)
	return States{
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
	stored := EncodeSteps(&all)
	for text, sent := range map[string]bool{stored: true, sparseSteps: false} {
		var got States
		if asSent, ok := scanSteps(text, &got); !ok || asSent != sent || got != all {
			f.Errorf("%s is read as %+v, goes out %v, %v", text, got, asSent, ok)
		}
	}
	if Sparse(stored) != sparseSteps {
		f.Errorf("the sparse form is\n%s\nwant\n%s", Sparse(stored), sparseSteps)
	}
	escaped := all
	escaped[2].Error = "größe \"5\"\n"
	f.Add(EncodeSteps(&escaped))
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
		var got States
		asSent, ok := scanSteps(stored, &got)
		if !ok {
			return // it is left to encoding/json
		}
		var want []StepView
		if err := json.Unmarshal([]byte(stored), &want); err != nil || len(want) != len(got) {
			t.Fatalf("%s is read as %+v; encoding/json has %+v, %v", stored, got, want, err)
		}
		for i, v := range want {
			if v.Step != StepNames[i] || v.state() != got[i] {
				t.Errorf("%s is read as %+v; encoding/json has %+v", stored, got, want)
			}
		}
		if sent := EncodeSteps(&got); asSent && stored != sent {
			t.Errorf("%s\ngoes out as it is stored, and is written as\n%s", stored, sent)
		}
	})
}

package projections

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"orderflow/domain"
)

// FuzzScanSteps holds steps that are read without encoding/json against it.
func FuzzScanSteps(f *testing.F) {
	at := time.Date(2026, 11, 22, 1, 2, 3, 456789000, time.UTC)
	o := domain.Order{Steps: [domain.StepCount]domain.StepState{
		{Status: domain.StepStatusCompleted, Attempt: 1, Node: "n", StartedAt: at, CompletedAt: at.Add(time.Hour)},
		{Status: domain.StepStatusRolledBack, Attempt: 12, Node: "n", StartedAt: at, CompletedAt: at, Error: "out of <steel>", RolledBackAt: at},
		{Status: domain.StepStatusFailed, Attempt: 3, Error: "größe \"5\"\n"},
		{Status: domain.StepStatusPending},
	}}
	f.Add(encodeSteps(o))
	o.Steps[2].Error = "plain"
	stored := encodeSteps(o)
	if _, ok := scanSteps(stored); !ok {
		f.Errorf("%s is left to encoding/json", stored)
	}
	for _, change := range [][2]string{
		{``, ``}, {`,"attempt":1,`, `,"attempt":-1,`}, {`"attempt":12`, `"attempt":012`}, {`-11-22`, `-11-31`}, {`T01:02:03`, `T24:02:03`}, {`T01:02:03`, `T01:02:60`},
		{`.456789Z`, `.45678Z`}, {`.456789Z`, `.456789+01:00`}, {`.456789Z`, `Z`}, {`2026`, `0000`}, {`2026`, `20 6`}, {`"plain"`, `null`}, {`"plain"`, `"\u0041"`},
		{`"node":"n",`, `"node":"n","node":"m",`}, {`[{`, `[{"more":1,`}, {`]`, `,{}]`}, {`]`, `] `}, {`[`, `[ `}, {`"step"`, `"Step"`}, {`-11-22T`, `-11-22t`}, {`2026-11-22`, `2026-02-29`},
	} {
		f.Add(strings.Replace(stored, change[0], change[1], 1))
	}
	f.Fuzz(func(t *testing.T, stored string) {
		got, ok := scanSteps(stored)
		if !ok {
			return // it is left to encoding/json
		}
		var want []StepView
		if err := json.Unmarshal([]byte(stored), &want); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is read as %+v; encoding/json has %+v, %v", stored, got, want, err)
		}
	})
}

// FuzzCompleteSteps holds steps that are copied against steps that are read and written.
func FuzzCompleteSteps(f *testing.F) {
	at := time.Date(2026, 11, 22, 1, 2, 3, 456789000, time.UTC)
	o := domain.Order{Steps: [domain.StepCount]domain.StepState{
		{Status: domain.StepStatusCompleted, Attempt: 1, Node: "n", StartedAt: at, CompletedAt: at.Add(time.Hour)},
		{Status: domain.StepStatusRolledBack, Attempt: 12, Node: "n", StartedAt: at, CompletedAt: at, Error: "out of <steel>", RolledBackAt: at},
		{Status: domain.StepStatusFailed, Attempt: 3, Error: "plain"},
		{Status: domain.StepStatusPending},
	}}
	stored := encodeSteps(o)
	if _, ok := completeSteps(nil, stored); !ok {
		f.Errorf("%s is not copied", stored)
	}
	for _, change := range [][2]string{
		{``, ``}, {`"node":"n"`, `"node":""`}, {`"attempt":12`, `"attempt":0`}, {`2026-11-22T01:02:03.456789Z`, zeroTime + "Z"}, {`2026-11-22T01:02:03.456789Z`, ``},
		{`-11-22`, `-11-31`}, {`"plain"`, `"\u0041"`}, {`"plain"`, `"ü"`}, {`Processing`, `processing`}, {`]`, `,{}]`}, {`]`, `] `}, {`"step"`, `"Step"`}, {`"Failed"`, `""`},
	} {
		f.Add(strings.Replace(stored, change[0], change[1], 1))
	}
	f.Fuzz(func(t *testing.T, stored string) {
		got, ok := completeSteps([]byte("before"), stored)
		if !ok {
			return // they are read and written
		}
		views, err := decodeSteps(domain.OrderID{}, stored)
		if want := string(appendSteps([]byte("before"), views, false)); err != nil || string(got) != want {
			t.Errorf("%s\nis completed as\n%s\nwant\n%s, %v", stored, got, want, err)
		}
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
			got = string(v.AppendJSON([]byte("[")))[1:]
		}
		if got != stored {
			t.Errorf("%s:\n%s\nwant\n%s", file, got, stored)
		}
	}
}

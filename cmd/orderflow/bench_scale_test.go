package main

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"orderflow/internal/bench"
)

// TestE2E_BenchScale measures two small points, draws them, and then takes one of them
// from the report instead of measuring it again.
func TestE2E_BenchScale(t *testing.T) {
	t.Parallel()
	report, chart := filepath.Join(t.TempDir(), "report.json"), filepath.Join(t.TempDir(), "scale.svg")
	flags := []string{"bench", "--only", "scale", "--repeat", "1", "--workers", "5", "--step-duration", "20ms", "--rounds", "50", "--svg", chart}
	text := must(t, append(flags, "--json", "--quiet", "--nodes", "1,2")...)
	var r bench.Report
	if err := json.Unmarshal([]byte(text), &r); err != nil || len(r.Sections) != 1 || len(r.Sections[0].Points) != 2 {
		t.Fatalf("%v\n%s", err, text)
	}
	for i, p := range r.Sections[0].Points {
		if p.Nodes != i+1 || p.Workers != 5 {
			t.Errorf("point %d is of %d nodes of %d workers", i, p.Nodes, p.Workers)
		}
		all := map[string]bench.Figure{}
		for _, f := range p.Figures {
			all[f.Name] = f
		}
		want(t, all, 1, "share of ideal", "steps", "orders", "orders, ideal", "statements", "transactions", "bytes", "processor time", "bytes written")
		if f := all["share of ideal"]; f.Value > 1 || f.Goal == nil {
			t.Errorf("workers did %+v of what they can do; want 1 at most, and a goal", f)
		}
		// Where a lease is passed on, the slot does not wait at all.
		if p50 := all["free slot to next start, p50"]; len(p50.Samples) != 1 || p50.Value < 0 || p50.Value > all["free slot to next start, p99"].Value {
			t.Errorf("slots waited for %+v", all)
		}
		// It is found lost five seconds after its last heartbeat.
		if taken, there := all["killed to taken over, p50"]; there != (p.Nodes > 1) || there && (taken.Value < 3000 || taken.Value > 20000) {
			t.Errorf("what a killed node had was taken over after %+v", taken)
		}
		// A claim, a start and four completions, which orders may share.
		if s, tx := all["statements"].Value, all["transactions"].Value; s < 1 || tx > s || tx > 13+5 {
			t.Errorf("%v statements and %v transactions an order, which cannot be", s, tx)
		}
		if all["registrations lost"].Value != 0 || all["steps interrupted"].Value != 0 {
			t.Errorf("nodes lost work: %+v", all)
		}
	}
	drawn(t, chart)

	if err := os.WriteFile(report, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	again := orderflow(t, append(flags, "--nodes", "2,1", "--from", report)...)
	if again.code != exitDone || strings.Contains(again.stderr, "measuring") || !strings.Contains(again.stdout, "2_NODES") {
		t.Errorf("exit code %d, want the points of the report\n%s%s", again.code, again.stdout, again.stderr)
	}
	drawn(t, chart)
	if err := os.WriteFile(report, []byte("no"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := orderflow(t, append(flags, "--from", report)...); r.code != exitUsage || !strings.Contains(r.stderr, "is no report") {
		t.Errorf("a file that is no report: exit code %d\n%s", r.code, r.stderr)
	}
}

// drawn wants a file to be a chart with two points.
func drawn(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var svg struct {
		XMLName xml.Name   `xml:"http://www.w3.org/2000/svg svg"`
		Circles []struct{} `xml:"circle"`
	}
	if err := xml.Unmarshal(text, &svg); err != nil || len(svg.Circles) != 2 {
		t.Errorf("%v, %d points\n%s", err, len(svg.Circles), text)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

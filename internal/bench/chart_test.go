package bench

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files")

// point is one of 50 workers a node and steps of 5 s that came to a share of the ideal.
func point(nodes int, share float64) Point {
	p := Point{Nodes: nodes, Workers: 50, StepDuration: 5 * time.Second}
	p.add(ordersDone, ordersPerSecond, share*p.ideal())
	return p
}

// draw draws a chart and wants it to be XML.
func draw(t *testing.T, lines []Line) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteChart(&b, `Orders & "nodes" <1>`, lines); err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(bytes.NewReader(b.Bytes())); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return b.String()
		} else if err != nil {
			t.Fatalf("%v\n%s", err, b.String())
		}
	}
}

func TestWriteChart(t *testing.T) {
	got := draw(t, []Line{
		{Name: "SQLite <3>", Points: []Point{point(1, 0.99), point(8, 0.987), point(64, 0.61)}},
		{Name: "nothing measured"},
		{Name: "SQL Server", Points: []Point{point(2, 0.995), point(32, 0.981)}},
	})
	golden := filepath.Join("testdata", "chart.svg")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the chart is not that of %s (-update writes it):\n%s", golden, got)
	}
}

func TestWriteChart_degenerate(t *testing.T) {
	for name, lines := range map[string][]Line{
		"no lines":       nil,
		"one point":      {{Name: "a", Points: []Point{point(3, 1)}}},
		"nothing done":   {{Name: "a", Points: []Point{point(1, 0), point(2, 0)}}},
		"above ideal":    {{Name: "a", Points: []Point{point(1, 1.2), point(2, 3)}}},
		"too many lines": {{Points: []Point{point(1, 1)}}, {Points: []Point{point(1, 1)}}, {Points: []Point{point(1, 1)}}, {Name: "fourth", Points: []Point{point(1, 1)}}},
	} {
		t.Run(name, func(t *testing.T) {
			got := draw(t, lines)
			if strings.Contains(got, "NaN") || strings.Contains(got, "Inf") || strings.Contains(got, "fourth") {
				t.Error(got)
			}
		})
	}
}

func TestLines(t *testing.T) {
	report := func(database string, points ...Point) Report {
		return Report{Machine: Machine{Database: database}, Sections: []Section{{Measure: "throughput"}, {Measure: "scale", Points: points}}}
	}
	got := Lines(report("SQLite", point(4, 0.9), point(1, 1)), report("none"), report("Server - 17.0.1", point(2, 0.8)), report("SQLite", point(4, 0.1), point(2, 0.7)))
	if len(got) != 2 || got[0].Name != "SQLite" || got[1].Name != "Server" || len(got[0].Points) != 3 || len(got[1].Points) != 1 {
		t.Fatalf("%+v", got)
	}
	for i, want := range []Point{point(1, 1), point(2, 0.7), point(4, 0.9)} {
		if p := got[0].Points[i]; p.Nodes != want.Nodes || p.done() != want.done() {
			t.Errorf("point %d is %+v, want %+v", i, p, want)
		}
	}
}

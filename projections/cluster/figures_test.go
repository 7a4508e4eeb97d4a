package cluster

import (
	"encoding/json"
	"testing"
	"time"

	"orderflow/schema"
	"orderflow/schema/schematest"
)

// TestFigures: of two figures the later one stays, in whichever order they are written.
func TestFigures(t *testing.T) {
	schematest.OnEach(t, 1, map[string]func(*testing.T, *schema.DB){"the later one stays": func(t *testing.T, db *schema.DB) {
		figures := NewFigures(db)
		if x, err := figures.Read(t.Context(), "f"); err != nil || x != nil {
			t.Fatalf("before the first there is %+v, err %v", x, err)
		}
		now, err := figures.Now(t.Context())
		must(t, err)
		for _, c := range []struct {
			asOf    time.Time
			content string
			written bool
			stays   string
		}{
			{now, `{"n": 1}`, true, `{"n": 1}`},
			{now, `{"n": 2}`, false, `{"n": 1}`},
			{now.Add(-time.Microsecond), `{"n": 3}`, false, `{"n": 1}`},
			{now.Add(time.Microsecond), `{"n": 4}`, true, `{"n": 4}`},
		} {
			written, err := figures.Write(t.Context(), Figure{Name: "f", AsOf: c.asOf, Node: "a", Content: json.RawMessage(c.content)})
			must(t, err)
			x, err := figures.Read(t.Context(), "f")
			must(t, err)
			if written != c.written || string(x.Content) != c.stays || x.Node != "a" {
				t.Errorf("%s: written is %v, want %v; the figure is %+v, want %s", c.content, written, c.written, x, c.stays)
			}
			if x.AsOf.Before(now) || x.Age < 0 || x.Age > time.Minute {
				t.Errorf("the figure is as of %s, %s ago, and it was %s", x.AsOf, x.Age, now)
			}
		}
	}})
}

package check

import (
	"strings"
	"testing"

	"orderflow/schema/schematest"
)

// TestBeyond_plan: what a node looks at before it starts is found without reading the outbox or the log
// through.
func TestBeyond_plan(t *testing.T) {
	db := schematest.SQLite(t)
	for _, s := range []source{lastMessageRows, headRows} {
		seeks := 0
		for _, step := range strings.Split(schematest.Plan(t, db, s.query(db.Dialect())), "\n") {
			if strings.HasPrefix(step, "SCAN m") || strings.HasPrefix(step, "SCAN e") {
				t.Errorf("%q is found by %s", s.what, step)
			}
			if strings.Contains(step, "USING PRIMARY KEY (topic=? AND partition=?)") || strings.Contains(step, "USING PRIMARY KEY (partition=?)") {
				seeks++
			}
		}
		if seeks == 0 {
			t.Errorf("%q is not found by its key", s.what)
		}
	}
}

package check

import (
	"strings"
	"testing"

	"orderflow/schema"
	"orderflow/schema/schematest"
)

// TestBeyond_plan: what a node looks at before it starts is found without reading the outbox or the log
// through.
func TestBeyond_plan(t *testing.T) {
	db := schematest.SQLite(t)
	for _, s := range []source{lastMessageRows, headRows} {
		seeks := 0
		for _, step := range plan(t, db, s.query(db.Dialect())) {
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

// plan is how SQLite would run a statement.
func plan(t *testing.T, db *schema.DB, query string) (steps []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `EXPLAIN QUERY PLAN `+query)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return steps
}

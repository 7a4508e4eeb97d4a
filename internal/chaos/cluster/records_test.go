package cluster

import (
	"slices"
	"testing"

	"orderflow/internal/chaos/judge"
)

// TestRecords_Surprises: only a node that was told to drain may fail, and only while the database is away.
func TestRecords_Surprises(t *testing.T) {
	r := &Records{}
	const from, to = 1000, 2000
	r.incidents = []judge.Incident{{What: "away", At: from, To: to}, {What: "gone", At: 1, To: to * late}}
	for _, s := range []surprise{
		{at: from + 1, what: "a drain without the database", drain: true},
		{at: to + late, what: "a drain that had begun without it", drain: true},
		{at: from - 1, what: "a drain before", drain: true},
		{at: to + late + 1, what: "a drain after", drain: true},
		{at: from + 1, what: "an end without the database"},
	} {
		r.surprise(s)
	}
	want := []string{"a drain before", "a drain after", "an end without the database"}
	if got := r.Surprises(); !slices.Equal(got, want) {
		t.Errorf("surprises are %q, want %q", got, want)
	}
}

package domain

import (
	"errors"
	"slices"
	"testing"
)

func TestStep(t *testing.T) {
	all := Steps()
	if want := []Step{"Scheduling", "PreProcessing", "Processing", "PostProcessing"}; !slices.Equal(all, want) {
		t.Errorf("steps %v, want %v", all, want)
	}
	for i, s := range all {
		next, more := s.Next()
		if wantMore := i < len(all)-1; more != wantMore || more && next != all[i+1] {
			t.Errorf("after %s comes %q, %v", s, next, more)
		}
		if parsed, err := ParseStep(string(s)); err != nil || parsed != s {
			t.Errorf("%s was read as %s, err %v", s, parsed, err)
		}
	}
	all[0] = "changed"
	if Steps()[0] != Scheduling {
		t.Error("a caller changed the steps")
	}
	for _, bad := range []string{"", "scheduling", "Painting"} {
		if _, err := ParseStep(bad); !errors.Is(err, ErrInvalid) {
			t.Errorf("step %q: err = %v, want ErrInvalid", bad, err)
		}
		if next, more := Step(bad).Next(); more {
			t.Errorf("after step %q comes %q", bad, next)
		}
	}
}

func TestReadStep(t *testing.T) {
	for text, want := range map[string]Step{
		"Processing": Processing, "processing": Processing, "pre-processing": PreProcessing, "PreProcessing": PreProcessing, "Pre-Processing": PreProcessing,
		"": "", "Painting": "",
	} {
		if got, err := ReadStep(text); got != want || errors.Is(err, ErrInvalid) != (want == "") {
			t.Errorf("%q was read as %q, err %v; want %q", text, got, err, want)
		}
	}
}

func TestStatus(t *testing.T) {
	all := Statuses()
	if len(all) != 10 {
		t.Errorf("%d statuses", len(all))
	}
	for _, s := range all {
		if parsed, err := ParseStatus(string(s)); err != nil || parsed != s {
			t.Errorf("%s was read as %s, err %v", s, parsed, err)
		}
	}
	all[0] = "changed"
	if Statuses()[0] != StatusPending {
		t.Error("a caller changed the statuses")
	}
	for _, bad := range []string{"", "pending", "Lost"} {
		if _, err := ParseStatus(bad); !errors.Is(err, ErrInvalid) {
			t.Errorf("status %q: err = %v, want ErrInvalid", bad, err)
		}
	}
}

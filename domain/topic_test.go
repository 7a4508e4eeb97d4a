package domain

import (
	"context"
	"errors"
	"slices"
	"testing"
)

// Orders under way finish before new ones begin.
func TestTopics(t *testing.T) {
	want := []string{"rollback", "post-processing", "processing", "pre-processing", "scheduling"}
	if got := Topics(); !slices.Equal(got, want) {
		t.Errorf("topics %v, want %v", got, want)
	}
}

func TestFollowUp(t *testing.T) {
	for _, c := range []struct {
		event Event
		topic string
	}{
		{OrderPlaced{}, "scheduling"},
		{StepCompleted{Step: Scheduling}, "pre-processing"},
		{StepCompleted{Step: PreProcessing}, "processing"},
		{StepCompleted{Step: Processing}, "post-processing"},
		{StepCompleted{Step: PostProcessing}, ""},
		{StepFailed{Step: PreProcessing}, "rollback"},
		{StepStarted{Step: Scheduling}, ""},
		{StepInterrupted{Step: Scheduling}, ""}, // its message is given back, not written again
		{StepRolledBack{Step: Processing}, ""},  // the same message goes on
		{OrderCompleted{}, ""}, {OrderFailed{}, ""}, {OrderParked{}, ""}, {OrderResumed{}, ""},
	} {
		topic, follows := FollowUp(c.event)
		if topic != c.topic || follows != (c.topic != "") {
			t.Errorf("%#v is followed by %q (%v), want %q", c.event, topic, follows, c.topic)
		}
	}
}

func TestDecodeWork_invalid(t *testing.T) {
	for _, payload := range []string{``, `{`, `{}`, `[]`, `{"order_id":"x"}`, `{"order_id":7}`, `{"order_id":"00000000-0000-0000-0000-000000000000"}`} {
		if id, err := DecodeWork([]byte(payload)); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s was read as %s, err %v; want ErrInvalid", payload, id, err)
		}
	}
}

func TestEncodeWork(t *testing.T) {
	// In flight when the program is replaced: the shape must not change.
	if got, want := string(EncodeWork(OrderID{1})), `{"order_id":"01000000-0000-0000-0000-000000000000"}`; got != want {
		t.Errorf("payload %s, want %s", got, want)
	}
}

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

func TestStatus(t *testing.T) {
	all := Statuses()
	if len(all) != 9 {
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

func TestLease(t *testing.T) {
	if LeaseFrom(context.Background()) != nil {
		t.Error("a context without a lease has one")
	}
	l := &Lease{Node: "n"}
	if LeaseFrom(WithLease(t.Context(), l)) != l {
		t.Error("the lease got lost in its context")
	}
	if l.Settled() {
		t.Error("a new lease is settled")
	}
	if l.MarkSettled(); !l.Settled() {
		t.Error("a settled lease is not")
	}
}

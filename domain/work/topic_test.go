package work

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"orderflow/domain"
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
		event domain.Event
		topic string
	}{
		{domain.OrderPlaced{}, "scheduling"},
		{domain.StepCompleted{Step: domain.Scheduling}, "pre-processing"},
		{domain.StepCompleted{Step: domain.PreProcessing}, "processing"},
		{domain.StepCompleted{Step: domain.Processing}, "post-processing"},
		{domain.StepCompleted{Step: domain.PostProcessing}, ""},
		{domain.StepFailed{Step: domain.PreProcessing}, "rollback"},
		{domain.StepStarted{Step: domain.Scheduling}, ""},
		{domain.StepInterrupted{Step: domain.Scheduling}, ""}, // its message is given back, not written again
		{domain.StepRolledBack{Step: domain.Processing}, ""},  // the same message goes on
		{domain.OrderCompleted{}, ""}, {domain.OrderFailed{}, ""}, {domain.OrderParked{}, ""}, {domain.OrderResumed{}, ""},
	} {
		topic, follows := FollowUp(&domain.Order{}, c.event)
		if topic != c.topic || follows != (c.topic != "") {
			t.Errorf("%#v is followed by %q (%v), want %q", c.event, topic, follows, c.topic)
		}
	}
}

// TestFollowUp_request: the rollback follows from the event that turns the order round, and from no other.
func TestFollowUp_request(t *testing.T) {
	place, start := domain.Command(domain.Place{}), domain.StartStep{Step: domain.Scheduling, Attempt: 1, Node: "n"}
	done, cut := domain.CompleteStep{Step: domain.Scheduling, Attempt: 1}, domain.InterruptStep{Step: domain.Scheduling, Attempt: 1, Reason: "cut"}
	cancel, now := domain.Cancel{Reason: "r"}, domain.Cancel{Reason: "r", Now: true}
	for name, c := range map[string]struct {
		commands []domain.Command
		want     []string // type of the event that causes each message, and its topic
	}{
		"pending":       {[]domain.Command{place, cancel}, []string{"OrderPlaced scheduling"}},
		"running":       {[]domain.Command{place, start, cancel, now, done}, []string{"OrderPlaced scheduling", "StepCompleted rollback"}},
		"cut":           {[]domain.Command{place, start, now, cut}, []string{"OrderPlaced scheduling", "StepInterrupted rollback"}},
		"failed so":     {[]domain.Command{place, start, cancel, domain.FailStep{Step: domain.Scheduling, Attempt: 1}}, []string{"OrderPlaced scheduling", "StepFailed rollback"}},
		"between steps": {[]domain.Command{place, start, done, cancel}, []string{"OrderPlaced scheduling", "StepCompleted pre-processing", "OrderCancelRequested rollback"}},
		"interrupted":   {[]domain.Command{place, start, cut, cancel}, []string{"OrderPlaced scheduling", "OrderCancelRequested rollback"}},
		"parked":        {[]domain.Command{place, start, cut, domain.Park{}, domain.Fail{Reason: "r"}}, []string{"OrderPlaced scheduling", "OrderFailRequested rollback"}},
	} {
		u, err := Prepare(&domain.Order{ID: domain.OrderID{1}}, domain.Metadata{}, c.commands...)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var got, causes []string
		for _, m := range u.Messages {
			got = append(got, domain.TypeOf(u.Events[m.Event])+" "+m.Topic)
		}
		recorded := make([]domain.Recorded, len(u.Events))
		for i, e := range u.Events {
			recorded[i] = domain.Recorded{OrderID: u.OrderID, Version: i + 1, Event: e}
		}
		for _, m := range Causes(recorded) {
			causes = append(causes, domain.TypeOf(u.Events[m.Version-1])+" "+m.Topic)
		}
		if !slices.Equal(got, c.want) || !slices.Equal(causes, c.want) {
			t.Errorf("%s: messages %q, causes %q, want %q", name, got, causes, c.want)
		}
	}
}

func TestDecodePayload_invalid(t *testing.T) {
	for _, payload := range []string{``, `{`, `{}`, `[]`, `{"order_id":"x"}`, `{"order_id":7}`, `{"order_id":"00000000-0000-0000-0000-000000000000"}`} {
		if id, err := DecodePayload([]byte(payload)); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%s was read as %s, err %v; want ErrInvalid", payload, id, err)
		}
	}
}

func TestEncodePayload(t *testing.T) {
	if id, err := DecodePayload(EncodePayload(domain.OrderID{7: 1, 15: 0xff})); err != nil || id != (domain.OrderID{7: 1, 15: 0xff}) {
		t.Errorf("an order's payload was read as %s, err %v", id, err)
	}
	// In flight when the program is replaced: the shape must not change.
	if got, want := string(EncodePayload(domain.OrderID{1})), `{"order_id":"01000000-0000-0000-0000-000000000000"}`; got != want {
		t.Errorf("payload %s, want %s", got, want)
	}
}

// FuzzDecodePayload holds DecodePayload against encoding/json.
func FuzzDecodePayload(f *testing.F) {
	for _, text := range []string{
		`{"order_id":"01890a5d-ac96-774b-bcce-b302099a8057"}`, `{"order_id":"01890A5D-AC96-774B-BCCE-B302099A8057"}`, `{"order_id":"00000000-0000-0000-0000-000000000000"}`,
		`{"order_id":"01890a5d-ac96-774b-bcce-b302099a805"}`, `{"order_id":""}`, `{"order_id":1}`, `{"order_id":"01890a5d-ac96-774b-bcce-b302099a8057","more":1}`,
		``, `{`, `{}`, `{}}`, ` {}`, `{} `, `null`, `[]`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var want payload
		wantErr := json.Unmarshal(data, &want)
		got, err := DecodePayload(data)
		if got != want.OrderID && wantErr == nil || (err == nil) != (wantErr == nil && !want.OrderID.IsZero()) {
			t.Errorf("payload %q: %s, %v; encoding/json has %s, %v", data, got, err, want.OrderID, wantErr)
		}
	})
}

// TestCauses: each topic is asked for once, whatever came between.
func TestCauses(t *testing.T) {
	var events []domain.Recorded
	for i, e := range []domain.Event{
		domain.OrderPlaced{}, domain.StepStarted{Step: domain.Scheduling, Attempt: 1}, domain.StepInterrupted{Step: domain.Scheduling, Attempt: 1},
		domain.StepStarted{Step: domain.Scheduling, Attempt: 2}, domain.StepCompleted{Step: domain.Scheduling, Attempt: 2}, nil,
		domain.StepStarted{Step: domain.PreProcessing, Attempt: 1}, domain.StepFailed{Step: domain.PreProcessing, Attempt: 1},
	} {
		events = append(events, domain.Recorded{Version: i + 1, Partition: 3, Position: int64(10 * i), Event: e})
	}
	want := []Cause{{"scheduling", 3, 0, 1}, {"pre-processing", 3, 40, 5}, {"rollback", 3, 70, 8}}
	if got := Causes(events); !slices.Equal(got, want) {
		t.Errorf("the messages are %+v, want %+v", got, want)
	}
}

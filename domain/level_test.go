package domain

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// TestCodec_Decode_newer: what is not known is another thing than what is broken.
func TestCodec_Decode_newer(t *testing.T) {
	c := newCodec()
	for name, in := range map[string]struct {
		typ    string
		schema int
		text   string
	}{
		"unknown type":                          {"OrderTeleported", 1, `"OrderTeleported"`},
		"no type":                               {"", 1, `""`},
		"schema version from the future":        {"OrderPlaced", 4, "schema version 4, it knows 1 to 3"},
		"the same, of an event with a fast way": {"StepStarted", 2, "schema version 2, it knows 1 to 1"},
	} {
		_, err := c.decode(in.typ, in.schema, `{}`)
		if !errors.Is(err, ErrNewer) || errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), in.text) {
			t.Errorf("%s: err = %v, want ErrNewer with %q and not ErrCorrupt", name, err, in.text)
		}
	}
}

func TestCodec_Encode_level(t *testing.T) {
	c := newCodec()
	whole := OrderPlaced{TrackingID: "T", KeyHash: "abcd"}
	for level, want := range map[int]Encoded{
		1:              {OrderPlaced{TrackingID: "T"}, json.RawMessage(`{"tracking_id":"T"}`), 1},
		2:              {whole, json.RawMessage(`{"tracking_id":"T","key_hash":"abcd"}`), 2},
		EventLevel + 1: {whole, json.RawMessage(`{"tracking_id":"T","key_hash":"abcd"}`), 2},
	} {
		if got, err := c.encode(level, whole); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("level %d: %+v, err %v; want %+v", level, got, err, want)
		}
	}
	// The name of a customer is never left out.
	if _, err := c.encode(1, OrderPlaced{Customer: "acme"}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a customer at level 1: err = %v, want ErrUnavailable", err)
	}
	// What level 3 brought is not written before.
	for _, e := range []Event{OrderPlaced{RetryOf: OrderID{1}}, OrderCancelRequested{Reason: "r"}, OrderCancelled{Reason: "r"}, OrderFailRequested{Reason: "r"}} {
		for level := 1; level <= 3; level++ {
			got, err := c.encode(level, e)
			if level < 3 && !errors.Is(err, ErrUnavailable) {
				t.Errorf("%s at level %d: err = %v, want ErrUnavailable", TypeOf(e), level, err)
			}
			if _, placed := e.(OrderPlaced); level == 3 && (err != nil || placed != (got.Schema == 3)) {
				t.Errorf("%s at level 3: schema %d, err %v", TypeOf(e), got.Schema, err)
			}
		}
	}
	if got, err := c.encode(1, StepStarted{Step: Scheduling, Attempt: 1}); err != nil || got.Schema != 1 {
		t.Errorf("an event of one form: %+v, err %v; want schema 1", got, err)
	}
	if _, err := c.encode(1, noted{}); !errors.Is(err, ErrInvalid) {
		t.Errorf("unknown type: err = %v, want ErrInvalid", err)
	}
}

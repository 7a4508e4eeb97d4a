package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/handlers"
)

// FuzzDecodeOrder holds decodeOrder against encoding/json: what is accepted means the
// same to both, and what is refused is refused with a reason.
func FuzzDecodeOrder(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `null`, `[]`, `{"tracking_id":"A","detail":{"a":[1,2.50,-0,1e400,"\u0041\ud800<&>"]}}`, `{"detail":null}`,
		`{"detail":1,"detail":2}`, `{"detial":1}`, `{"tracking_id":12}`, `{"tracking_id":"\ud800"}`, `{"tracking_id":" a"}`, `{"tracking_id":""}`,
		`{"tracking\u005fid":"A"}`, `{"Detail":1}`, `{} {}`, `{"detail":[1,`, "{\n\"detail\": 01}", "\xef\xbb\xbf{}", "{\"detail\":\"\xff\"}",
		"{\"detail\":\"\u2028\"}", `{"detail":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`, `{"detail":"\"[[{"}`, `{"detail": [1, 2] }`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		o, err := placedOf(body)
		if err != nil {
			checkRefusal(t, body, err)
			return
		}
		var same struct {
			TrackingID *string         `json:"tracking_id"`
			Detail     json.RawMessage `json:"detail"`
		}
		if err := json.Unmarshal(body, &same); err != nil {
			t.Fatalf("%q was accepted, and is no JSON: %v", body, err)
		}
		if got := o.TrackingID; same.TrackingID == nil && got != "" || same.TrackingID != nil && got != *same.TrackingID {
			t.Errorf("%q: tracking id %q", body, got)
		}
		if !sameJSON(t, o.Detail, same.Detail) {
			t.Errorf("%q: detail %s", body, o.Detail)
		}
		checkStored(t, o)
	})
}

// placedOf is the event that a body makes.
func placedOf(body []byte) (placed domain.OrderPlaced, err error) {
	o, err := decodeOrder(bytes.Clone(body)) // which is not to be used afterwards
	if err != nil {
		return placed, err
	}
	placing, err := handlers.NewPlacing(handlers.PlacingConfig{Store: keeping(func(a work.Unit) { placed = a.Events[0].(domain.OrderPlaced) })})
	if err == nil {
		_, err = placing.Place(context.Background(), o)
	}
	return placed, err
}

// keeping is an event store that a test looks into.
type keeping func(work.Unit)

func (k keeping) Append(_ context.Context, a work.Unit) (work.Outcome, error) {
	k(a)
	return work.Outcome{}, nil
}

func checkRefusal(t *testing.T, body []byte, err error) {
	t.Helper()
	p := problemOf(err)
	if p.kind == problemInvalidRequest || p.kind.status != 400 || p.detail == "" {
		t.Fatalf("%q was refused with %T %v", body, err, err)
	}
	if at, found := p.members["offset"].(int); found && (at < 0 || at > len(body)) {
		t.Errorf("%q: offset %d", body, at)
	}
	if line, found := p.members["line"].(int); found && line > 1+bytes.Count(body, []byte("\n")) {
		t.Errorf("%q: line %d", body, line)
	}
	if encoded := p.document("/", "c"); !json.Valid(encoded) {
		t.Errorf("%q: problem %s", body, encoded)
	}
}

// checkStored sends the order the way of every order: to the event's stored bytes and
// back.
func checkStored(t *testing.T, o domain.OrderPlaced) {
	t.Helper()
	stored, err := domain.Encode(domain.EventLevel, o)
	if err != nil {
		t.Fatalf("%+v cannot be stored: %v", o, err)
	}
	back, err := domain.Decode("OrderPlaced", stored.Schema, string(stored.Data))
	if err != nil {
		t.Fatalf("%s cannot be read back: %v", stored.Data, err)
	}
	e := back.(domain.OrderPlaced)
	if e.TrackingID != o.TrackingID || !bytes.Equal(e.Detail, o.Detail) {
		t.Errorf("%+v came back as %+v", o, e)
	}
}

// sameJSON compares values, numbers digit for digit.
func sameJSON(t *testing.T, a, b json.RawMessage) bool {
	t.Helper()
	return reflect.DeepEqual(valueOf(t, a), valueOf(t, b))
}

func valueOf(t *testing.T, raw json.RawMessage) (v any) {
	t.Helper()
	if len(raw) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

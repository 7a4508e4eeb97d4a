package domain

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// plainPlaced is OrderPlaced as encoding/json writes it.
type plainPlaced OrderPlaced

// TestOrderPlaced_stored: what is written by hand is what encoding/json writes, with every member
// that there is or will be.
func TestOrderPlaced_stored(t *testing.T) {
	var full OrderPlaced
	for i := range reflect.TypeFor[OrderPlaced]().NumField() {
		switch f := reflect.ValueOf(&full).Elem().Field(i); f.Kind() {
		case reflect.String:
			f.SetString("text <" + strings.Repeat("é\"\\\u2028", i) + ">")
		case reflect.Slice:
			f.SetBytes([]byte(`{"a": [1.50, "<ä> \u00e4  "]}`))
		case reflect.Array:
			f.Set(reflect.ValueOf(OrderID{1, 15: 2}))
		default:
			t.Fatalf("a member of kind %s", f.Kind())
		}
	}
	for _, e := range []OrderPlaced{
		full, {}, {TrackingID: "a"}, {Detail: json.RawMessage(`null`)}, {Detail: json.RawMessage(" [ ] ")}, {TrackingID: `"detail":`, Detail: json.RawMessage(`","`)},
	} {
		var want bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(plainPlaced(e)); err != nil {
			t.Fatal(err)
		}
		got, err := marshal(e)
		if err != nil || string(got)+"\n" != want.String() {
			t.Errorf("%+v is written as\n%s\nwant\n%s(%v)", e, got, &want, err)
		}
	}
	if _, err := marshal(OrderPlaced{Detail: json.RawMessage(`{"a":`)}); err == nil {
		t.Error("a detail that is no JSON was written")
	}
}

// TestWithin: what is kept of an event beside its stored bytes is a part of them, and the same.
func TestWithin(t *testing.T) {
	for _, e := range []OrderPlaced{
		{TrackingID: `"detail":1`, Detail: json.RawMessage(`{"detail":[1,2]}`)}, {Detail: json.RawMessage(`0`)}, {Detail: json.RawMessage(`"x"`), TrackingID: "t"},
	} {
		data, err := marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		kept := Within(e, data).(OrderPlaced)
		if !reflect.DeepEqual(kept, e) {
			t.Errorf("%+v became %+v", e, kept)
		}
		at := bytes.LastIndex(data, e.Detail)
		if &kept.Detail[0] != &data[at] || cap(kept.Detail) != len(e.Detail) {
			t.Errorf("the detail of %s is not a part of it", data)
		}
	}
	for _, e := range []Event{OrderPlaced{TrackingID: "t"}, OrderCompleted{}, OrderPlaced{Detail: json.RawMessage(`[1]`)}} {
		if got := Within(e, json.RawMessage(`{"detail": [1]}`)); !reflect.DeepEqual(got, e) {
			t.Errorf("%+v became %+v", e, got)
		}
	}
}

// TestOrderPlaced_copies: a large detail is copied once.
func TestOrderPlaced_copies(t *testing.T) {
	e := OrderPlaced{Detail: json.RawMessage(`"` + strings.Repeat("x", 1<<20) + `"`)}
	r := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			if _, err := marshal(e); err != nil {
				b.Fatal(err)
			}
		}
	})
	if got := r.AllocedBytesPerOp(); got > 5<<18 {
		t.Errorf("%d bytes are allocated to write one of a megabyte", got)
	}
}

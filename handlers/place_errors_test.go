package handlers

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"orderflow/domain"
)

func TestPlacing_Place_refuses(t *testing.T) {
	for name, c := range map[string]struct {
		order NewOrder
		want  string
	}{
		"long tracking id":    {NewOrder{TrackingID: strings.Repeat("x", 201)}, "`tracking_id` must be a string of 1 to 200 bytes, got 201 bytes"},
		"tracking id not UTF": {NewOrder{TrackingID: "a\xff"}, "`tracking_id` must be text in Unicode, got a lone surrogate, U+FFFD or bytes that are not UTF-8"},
		"long key":            {NewOrder{IdempotencyKey: strings.Repeat("x", 201)}, "`Idempotency-Key` must be 1 to 200 bytes of printable ASCII, got 201 bytes"},
		"detail not JSON":     {NewOrder{Detail: json.RawMessage(`{"a"}`)}, "`detail` must be JSON, got this: invalid character '}' after object key"},
		"detail blank":        {NewOrder{Detail: json.RawMessage(` `)}, "`detail` must be JSON, got this: unexpected end of JSON input"},
		"detail not UTF-8":    {NewOrder{Detail: json.RawMessage("\"\xff\"")}, "`detail` must be JSON in UTF-8, got other bytes at offset 1"},
		"detail too long":     {NewOrder{Detail: json.RawMessage(`"` + strings.Repeat("x", MaxDetail-1) + `"`)}, "`detail` must be at most 1048576 bytes of JSON, got 1048577 bytes"},
		"detail too deep":     {NewOrder{Detail: json.RawMessage(strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1))}, "`detail` is nested more than 100 levels deep"},
	} {
		t.Run(name, func(t *testing.T) {
			store := &openings{}
			_, err := newPlacing(t, PlacingConfig{Store: store}).Place(t.Context(), c.order)
			if err == nil || err.Error() != "invalid: "+c.want || !errors.Is(err, domain.ErrInvalid) {
				t.Errorf("error %v, want %s, of kind invalid", err, c.want)
			}
			if len(store.appended) != 0 {
				t.Error("it was placed")
			}
		})
	}
}

func TestPlacing_Place_errors(t *testing.T) {
	failure := errors.New("no")
	t.Run("of the store", func(t *testing.T) {
		p := newPlacing(t, PlacingConfig{Store: &openings{err: failure}})
		if _, err := p.Place(t.Context(), NewOrder{}); !errors.Is(err, failure) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("of the id", func(t *testing.T) {
		store := &openings{}
		p := newPlacing(t, PlacingConfig{Store: store, NewID: func() (domain.OrderID, error) { return domain.OrderID{}, failure }})
		if _, err := p.Place(t.Context(), NewOrder{}); !errors.Is(err, failure) || len(store.appended) != 0 {
			t.Errorf("error %v", err)
		}
	})
	t.Run("other content", func(t *testing.T) {
		p := newPlacing(t, PlacingConfig{Store: &openings{}})
		if _, err := p.Place(t.Context(), NewOrder{TrackingID: "A"}); err != nil {
			t.Fatal(err)
		}
		_, err := p.Place(t.Context(), NewOrder{TrackingID: "A", Detail: json.RawMessage("1")})
		if !errors.Is(err, domain.ErrDuplicate) {
			t.Errorf("error %v", err)
		}
	})
}

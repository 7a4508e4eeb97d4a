package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"orderflow/domain"
	"orderflow/transport/httpapi"
)

func TestPlacer_Place_refuses(t *testing.T) {
	for name, c := range map[string]struct {
		order httpapi.NewOrder
		want  string
	}{
		"long tracking id":    {httpapi.NewOrder{TrackingID: strings.Repeat("x", 201)}, "`tracking_id` must be a string of 1 to 200 bytes, got 201 bytes"},
		"tracking id not UTF": {httpapi.NewOrder{TrackingID: "a\xff"}, "`tracking_id` must be text in Unicode, got a lone surrogate, U+FFFD or bytes that are not UTF-8"},
		"long key":            {httpapi.NewOrder{IdempotencyKey: strings.Repeat("x", 201)}, "`Idempotency-Key` must be 1 to 200 bytes of printable ASCII, got 201 bytes"},
		"detail not JSON":     {httpapi.NewOrder{Detail: json.RawMessage(`{"a"}`)}, "`detail` must be JSON, got this: invalid character '}' after object key"},
		"detail blank":        {httpapi.NewOrder{Detail: json.RawMessage(` `)}, "`detail` must be JSON, got this: unexpected end of JSON input"},
		"detail not UTF-8":    {httpapi.NewOrder{Detail: json.RawMessage("\"\xff\"")}, "`detail` must be JSON in UTF-8, got other bytes at offset 1"},
		"detail too long":     {httpapi.NewOrder{Detail: json.RawMessage(`"` + strings.Repeat("x", httpapi.MaxBody-1) + `"`)}, "`detail` must be at most 1048576 bytes of JSON, got 1048577 bytes"},
		"detail too deep":     {httpapi.NewOrder{Detail: json.RawMessage(deep(httpapi.MaxDepth + 1))}, "`detail` is nested more than 100 levels deep"},
	} {
		t.Run(name, func(t *testing.T) {
			store := &fakeStore{}
			_, err := httpapi.NewPlacer(httpapi.PlacerConfig{Store: store}).Place(context.Background(), c.order)
			if err == nil || err.Error() != c.want || !errors.Is(err, domain.ErrInvalid) {
				t.Errorf("error %v, want %s, of kind invalid", err, c.want)
			}
			if len(store.appended) != 0 {
				t.Error("it was placed")
			}
		})
	}
}

func TestPlacer_Place_errors(t *testing.T) {
	failure := errors.New("no")
	t.Run("of the store", func(t *testing.T) {
		p := httpapi.NewPlacer(httpapi.PlacerConfig{Store: &fakeStore{err: failure}})
		if _, err := p.Place(context.Background(), httpapi.NewOrder{}); !errors.Is(err, failure) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("of the id", func(t *testing.T) {
		store := &fakeStore{}
		p := httpapi.NewPlacer(httpapi.PlacerConfig{Store: store, NewID: func() (domain.OrderID, error) { return domain.OrderID{}, failure }})
		if _, err := p.Place(context.Background(), httpapi.NewOrder{}); !errors.Is(err, failure) || len(store.appended) != 0 {
			t.Errorf("error %v", err)
		}
	})
	t.Run("other content", func(t *testing.T) {
		p := httpapi.NewPlacer(httpapi.PlacerConfig{Store: &fakeStore{}})
		if _, err := p.Place(context.Background(), httpapi.NewOrder{TrackingID: "A"}); err != nil {
			t.Fatal(err)
		}
		_, err := p.Place(context.Background(), httpapi.NewOrder{TrackingID: "A", Detail: json.RawMessage("1")})
		if !errors.Is(err, domain.ErrDuplicate) {
			t.Errorf("error %v", err)
		}
	})
}

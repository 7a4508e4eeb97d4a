package handlers

import (
	"errors"
	"strings"
	"testing"

	"orderflow/domain"
)

// placeAt places an order.
func placeAt(t *testing.T, store *openings, o NewOrder) (Placed, error) {
	t.Helper()
	return newPlacing(t, PlacingConfig{Store: store}).Place(t.Context(), o)
}

// TestPlacing_Place_customer: the customer and the hash of the key, as it is reserved, are in the event.
func TestPlacing_Place_customer(t *testing.T) {
	for name, c := range map[string]struct {
		order NewOrder
		want  domain.OrderPlaced
	}{
		"nobody, no key": {NewOrder{}, domain.OrderPlaced{}},
		"a key": {NewOrder{IdempotencyKey: "K-1"},
			domain.OrderPlaced{KeyHash: "3afd558e9b0307abe3efedf7028e8673c6354f80acfb28e16dd834997c8209ec"}},
		"a customer with a key": {NewOrder{Customer: "acme", IdempotencyKey: "K-1"},
			domain.OrderPlaced{Customer: "acme", KeyHash: "85ccdee7d5dd27776f038de0e0b7884e4c7e6b297014f3dbf2f2c2d4bbfbf917"}},
	} {
		store := &openings{}
		if _, err := placeAt(t, store, c.order); err != nil {
			t.Fatal(err)
		}
		if got := store.placed(t); got.Customer != c.want.Customer || got.KeyHash != c.want.KeyHash {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

// TestPlacing_Place_scope: customers do not share keys, and a customer's own are kept.
func TestPlacing_Place_scope(t *testing.T) {
	store := &openings{}
	for _, customer := range []string{"", "acme", "other"} {
		o := NewOrder{TrackingID: "T", IdempotencyKey: "K", Customer: customer}
		first, err := placeAt(t, store, o)
		if err != nil || first.Repeated {
			t.Fatalf("customer %q: %+v, err %v", customer, first, err)
		}
		if again, err := placeAt(t, store, o); err != nil || !again.Repeated || again.OrderID != first.OrderID {
			t.Errorf("customer %q again: %+v, err %v; want order %s", customer, again, err, first.OrderID)
		}
		o.Detail = []byte("1")
		var duplicate *domain.DuplicateError
		if _, err := placeAt(t, store, o); !errors.As(err, &duplicate) || duplicate.OrderID != first.OrderID {
			t.Errorf("customer %q with another detail: err %v, want a duplicate of %s", customer, err, first.OrderID)
		}
	}
}

func TestPlacing_Place_customerName(t *testing.T) {
	for _, name := range []string{strings.Repeat("x", MaxCustomer+1), "a\x00", "a\xff", " a"} {
		if _, err := placeAt(t, &openings{}, NewOrder{Customer: name}); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("customer %q: err = %v, want ErrInvalid", name, err)
		}
	}
	if _, err := placeAt(t, &openings{}, NewOrder{Customer: strings.Repeat("ü", MaxCustomer/2)}); err != nil {
		t.Error(err)
	}
}

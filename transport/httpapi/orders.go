package httpapi

import (
	"errors"
	"net/http"

	"github.com/gorilla/mux"

	"orderflow/domain"
)

// place answers 202 as soon as the order is in the event store.
func (a *api) place(w http.ResponseWriter, r *http.Request) error {
	size, err := bodySize(r)
	if err != nil {
		return err
	}
	h := &hold{of: &a.bodies, most: size}
	defer h.release()
	o, err := a.readOrder(w, r, h)
	if err != nil {
		return err
	}
	placed, err := a.placer.Place(r.Context(), o)
	if id := placed.OrderID; !id.IsZero() {
		exchangeOf(r.Context()).orderID = id.String()
	}
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/v1/orders/"+placed.OrderID.String())
	if placed.Repeated {
		w.Header().Set("Idempotent-Replayed", "true")
	}
	return answer(w, http.StatusAccepted, placed)
}

// readOrder reads the order that a request wants placed. h holds the bytes of its body.
func (a *api) readOrder(w http.ResponseWriter, r *http.Request, h *hold) (NewOrder, error) {
	body, err := readBody(w, r, h)
	if err != nil {
		return NewOrder{}, err
	}
	key, err := idempotencyKey(r.Header)
	if err != nil {
		return NewOrder{}, err
	}
	var o NewOrder
	err = a.decoding.take(r.Context(), len(body), func() (err error) {
		o, err = decodeOrder(body)
		return err
	})
	if err != nil {
		return NewOrder{}, err
	}
	x := exchangeOf(r.Context())
	o.IdempotencyKey = key
	o.Actor, o.CorrelationID, o.TraceParent = string(x.role), x.correlationID, x.traceParent
	return o, nil
}

// idempotencyKey is the key of a request, or empty. A key that is there must be
// usable: who sends one relies on it.
func idempotencyKey(h http.Header) (string, error) {
	values := h.Values(headerIdempotencyKey)
	switch len(values) {
	case 0:
		return "", nil
	case 1:
		return values[0], checkIdempotencyKey(values[0])
	}
	return "", repeatedField(inHeader, headerIdempotencyKey)
}

func (a *api) order(w http.ResponseWriter, r *http.Request) error {
	id, err := orderID(r)
	if err != nil {
		return err
	}
	err = a.answers.send(r.Context(), w, orderSize, func(b []byte) ([]byte, error) { return a.views.AppendOrder(r.Context(), b, id) })
	return orderError(id, err)
}

func (a *api) list(w http.ResponseWriter, r *http.Request) error {
	filter, err := readFilter(r.URL.RawQuery)
	if err != nil {
		return err
	}
	err = a.answers.send(r.Context(), w, min(int64(filter.Limit)*orderSize, pageSize), func(b []byte) ([]byte, error) { return a.views.AppendPage(r.Context(), b, filter) })
	if errors.Is(err, domain.ErrInvalid) && filter.Cursor != "" {
		return invalidValue(inQuery, "cursor", "the next_cursor of an earlier answer", "another text")
	}
	return err
}

// orderID is the order that a request's path names.
func orderID(r *http.Request) (domain.OrderID, error) {
	text := mux.Vars(r)["id"]
	id, err := domain.ParseOrderID(text)
	if err != nil {
		return id, invalidValue(inPath, "id", "an order id, a UUID of the form 8-4-4-4-12 hexadecimal digits", shorten(text))
	}
	exchangeOf(r.Context()).orderID = id.String()
	return id, nil
}

// orderError names the order that was not found.
func orderError(id domain.OrderID, err error) error {
	if !errors.Is(err, domain.ErrNotFound) {
		return err
	}
	return &RequestError{
		Problem: problemOrderNotFound,
		Detail:  "there is no order " + id.String(),
		Members: map[string]any{"order_id": id},
	}
}

package httpapi

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/gorilla/mux"
	"golang.org/x/sync/semaphore"

	"orderflow/domain"
	"orderflow/domain/stored"
	"orderflow/handlers"
	"orderflow/projections"
)

// Views are the orders as customers see them.
type Views interface {
	// Get gives one order, at least as new as what the caller wrote; domain.ErrNotFound.
	Get(ctx context.Context, id domain.OrderID) (projections.OrderView, error)
	// GetAt gives one order as it was at a moment; domain.ErrNotFound if it was placed later, *domain.FieldError for a
	// version that it does not have.
	GetAt(ctx context.Context, id domain.OrderID, m domain.Moment) (projections.OrderView, error)
	// List gives one page of orders, newest first; domain.ErrInvalid for a bad cursor.
	List(ctx context.Context, f projections.Filter) (projections.Page, error)
}

// History is the event store as auditors see it.
type History interface {
	// Load gives every event of an order, in order of version; domain.ErrNotFound.
	Load(ctx context.Context, id domain.OrderID) ([]domain.Recorded, error)
}

// Placer places orders.
type Placer interface {
	// Place is handlers.Placing.Place. The order's id may come with an error.
	Place(ctx context.Context, o handlers.NewOrder) (handlers.Placed, error)
}

// api answers about orders.
type api struct {
	placer  Placer
	views   Views
	history History
	bodies  budget // of requests
	answers *answers
	// decoding makes large bodies take turns. Many at once would keep urgent work, such as a heartbeat,
	// waiting for a processor.
	decoding *semaphore.Weighted
}

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
func (a *api) readOrder(w http.ResponseWriter, r *http.Request, h *hold) (o handlers.NewOrder, err error) {
	body, err := readBody(w, r, h)
	if err != nil {
		return o, err
	}
	key, err := idempotencyKey(r.Header)
	if err != nil {
		return o, err
	}
	if o, err = a.decode(r.Context(), body); err != nil {
		return o, err
	}
	x := exchangeOf(r.Context())
	o.IdempotencyKey = key
	o.Actor, o.CorrelationID, o.TraceParent = string(x.role), x.correlationID, x.traceParent
	return o, nil
}

// decode reads a body. A large body waits for its turn, until ctx ends.
func (a *api) decode(ctx context.Context, body []byte) (o handlers.NewOrder, err error) {
	if len(body) <= smallBody {
		return decodeOrder(body)
	}
	err = inTurn(ctx, a.decoding, 1, func() error {
		o, err = decodeOrder(body)
		return err
	})
	return o, err
}

// idempotencyKey is the key of a request, or empty. A key that is there and empty is refused: a
// client that sends a key relies on it.
func idempotencyKey(h http.Header) (string, error) {
	const field = handlers.FieldIdempotencyKey
	switch values := h.Values(field); {
	case len(values) == 0:
		return "", nil
	case len(values) > 1:
		return "", repeatedField(inHeader, field)
	case values[0] == "":
		return "", invalidValue(inHeader, field, fmt.Sprintf("1 to %d bytes of printable ASCII", handlers.MaxIdempotencyKey), "an empty one")
	default:
		return values[0], nil
	}
}

func (a *api) order(w http.ResponseWriter, r *http.Request) error {
	id, err := orderID(r)
	if err != nil {
		return err
	}
	at, err := readMoment(r)
	if err != nil {
		return inTheQuery(err)
	}
	err = a.answers.send(r.Context(), w, orderSize, func(b []byte) ([]byte, error) {
		if !at.IsZero() {
			view, err := a.views.GetAt(r.Context(), id, at)
			return view.AppendJSON(b), err
		}
		view, err := a.views.Get(r.Context(), id)
		if err != nil {
			return nil, err
		}
		w.Header().Set("ETag", entityTag(view.Version))
		return view.AppendJSON(b), nil
	})
	if err != nil {
		w.Header().Del("ETag")
	}
	if !at.IsZero() && errors.Is(err, domain.ErrNotFound) {
		return problemOrderNotFound.because("there is no order "+id.String()+" at that time", members{"order_id": id})
	}
	return orderError(id, inTheQuery(err))
}

func (a *api) list(w http.ResponseWriter, r *http.Request) error {
	filter, err := readFilter(r.URL.RawQuery)
	if err != nil {
		return err
	}
	err = a.answers.send(r.Context(), w, min(int64(filter.Limit)*orderSize, pageSize), func(b []byte) ([]byte, error) {
		page, err := a.views.List(r.Context(), filter)
		if err != nil {
			return nil, err
		}
		return page.AppendJSON(b), nil
	})
	if errors.Is(err, domain.ErrInvalid) && filter.Cursor != "" {
		return invalidValue(inQuery, "cursor", "the next_cursor of an earlier answer", "another text")
	}
	return err
}

// entityTag is the version of an order as HTTP names it.
func entityTag(version int) string { return `"` + strconv.Itoa(version) + `"` }

// orderID is the order that a request's path names.
func orderID(r *http.Request) (domain.OrderID, error) {
	text := mux.Vars(r)["id"]
	id, err := domain.ParseOrderID(text)
	if err != nil {
		return id, invalidValue(inPath, "id", "an order id, a UUID of the form 8-4-4-4-12 hexadecimal digits", domain.Shorten(text))
	}
	exchangeOf(r.Context()).orderID = id.String()
	return id, nil
}

// orderError names the order that was not found.
func orderError(id domain.OrderID, err error) error {
	if !errors.Is(err, domain.ErrNotFound) {
		return err
	}
	return problemOrderNotFound.because("there is no order "+id.String(), members{"order_id": id})
}

// events answers with the whole history of an order.
func (a *api) events(w http.ResponseWriter, r *http.Request) error {
	id, err := orderID(r)
	if err != nil {
		return err
	}
	err = a.answers.send(r.Context(), w, orderSize, func(b []byte) ([]byte, error) {
		history, err := a.history.Load(r.Context(), id)
		if err != nil {
			return nil, err
		}
		return appendHistory(b, history)
	})
	return orderError(id, err)
}

// appendHistory writes data and metadata as the very bytes that are stored, so that
// the hashes can be recomputed from the answer.
func appendHistory(body []byte, history []domain.Recorded) ([]byte, error) {
	body = append(body, '[')
	for i, event := range history {
		if !json.Valid(event.Data) || !json.Valid(event.RawMeta) {
			return nil, fmt.Errorf("%w: event %s is not stored as JSON", domain.ErrCorrupt, domain.EventID(event.OrderID, event.Version))
		}
		if i > 0 {
			body = append(body, ',')
		}
		body = appendEvent(body, event)
	}
	return append(body, ']'), nil
}

func appendEvent(b []byte, r domain.Recorded) []byte {
	o := stored.NewObject(b)
	o.Number("position", int(r.Position))
	o.Number("partition", r.Partition)
	o.Number("version", r.Version)
	o.Text("type", r.Type)
	o.Raw("data", r.Data)
	o.Raw("metadata", r.RawMeta)
	o.Time("recorded_at", r.RecordedAt)
	o.Text("hash", hex.EncodeToString(r.Hash))
	return o.End()
}

package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/gorilla/mux"

	"orderflow/domain"
	"orderflow/handlers/diagnosis"
)

// History gives every event of an order, in order of version; domain.ErrNotFound.
type History interface {
	Load(ctx context.Context, id domain.OrderID) ([]domain.Recorded, error)
}

// Diagnoser says why an order does not move.
type Diagnoser interface {
	Diagnose(ctx context.Context, id domain.OrderID) (diagnosis.Answer, error)
}

const orderPath = ordersPath + "/{id}"

// orderRoutes are the list of orders, the page of an order, and what they link to.
func (c *Console) orderRoutes() []Route {
	return []Route{
		{Path: ordersPath, Method: http.MethodGet, Serve: c.orders},
		{Path: ordersPath + ".{form:csv|json}", Method: http.MethodGet, Serve: c.ordersTable},
		{Path: orderPath, Method: http.MethodGet, Serve: c.order},
		{Path: orderPath + "/order.json", Method: http.MethodGet, Serve: c.orderJSON},
		{Path: orderPath + "/detail.json", Method: http.MethodGet, Serve: c.detailJSON},
		{Path: orderPath + "/events.json", Method: http.MethodGet, Serve: c.eventsJSON},
		{Path: orderPath + "/events/{version:[0-9]+}.json", Method: http.MethodGet, Serve: c.eventJSON},
		{Path: orderPath + "/{table:events|course|state}.{form:csv|json}", Method: http.MethodGet, Serve: c.orderTable},
	}
}

// orderPage is what the page of an order shows.
type orderPage struct {
	ID          domain.OrderID
	Path        string
	Unread      string // why there are no events; empty if they were read
	Diagnosis   diagnosis.Answer
	Undiagnosed string // why there is no diagnosis; empty if there is one
	AsOf        time.Time
	course
	picture
	State  stateAt
	Events eventList
	Detail excerpt
}

// order answers with the page of an order. Without events it shows what is known otherwise.
func (c *Console) order(r *http.Request) (Page, error) {
	id, err := orderID(r)
	if err != nil {
		return Page{}, err
	}
	v := orderPage{ID: id, Path: ordersPath + "/" + id.String()}
	if v.Diagnosis, err = c.conf.Diagnoses.Diagnose(r.Context(), id); err != nil {
		v.Undiagnosed = err.Error()
	}
	events, err := c.conf.History.Load(r.Context(), id)
	if v.AsOf = v.Diagnosis.AsOf; v.AsOf.IsZero() {
		v.AsOf = time.Now()
	}
	switch listed := v.Undiagnosed == "" && v.Diagnosis.Verdict != diagnosis.Unknown; {
	case err == nil:
		if err = v.read(r.URL.Query(), events); err != nil && !errors.Is(err, domain.ErrCorrupt) {
			return Page{}, err
		}
	case errors.Is(err, domain.ErrCorrupt), errors.Is(err, domain.ErrNotFound) && listed:
	default:
		return Page{}, err
	}
	if err != nil {
		v.Unread = err.Error()
	}
	return page(r, "order.html", Head{Title: "Order " + v.Name(), Here: ordersPath, AsOf: v.AsOf, OwnClock: v.Diagnosis.AsOf.IsZero()}, &v)
}

// read makes the parts that are of events.
func (v *orderPage) read(query url.Values, events []domain.Recorded) (err error) {
	v.Events = listEvents(events, query)
	if v.course, err = courseOf(events, v.AsOf); err != nil {
		return err
	}
	v.picture = pictureOf(v.course)
	v.Detail = excerptOf(v.Order.Detail)
	v.State, err = stateOf(events, query)
	return err
}

// orderID is the order that a request's path names.
func orderID(r *http.Request) (domain.OrderID, error) {
	text := mux.Vars(r)["id"]
	id, err := domain.ParseOrderID(text)
	if err != nil {
		return id, &domain.FieldError{Field: "id", Expected: "an order id, a UUID of the form 8-4-4-4-12 hexadecimal digits", Got: strconv.Quote(domain.Shorten(text))}
	}
	return id, nil
}

// Name is what the order is called in headings.
func (v *orderPage) Name() string {
	if name := v.Order.TrackingID; name != "" {
		return cut(name, 80)
	}
	return v.ID.String()
}

// Verdict is the mark of the diagnosis. That of an order that has ended has the tone of how it ended.
func (v *orderPage) Verdict() mark {
	m := markOf(v.Diagnosis.Verdict)
	if v.Diagnosis.Verdict == diagnosis.Ended && v.Unread == "" {
		m.Tone = v.Status().Tone
	}
	return m
}

// Status is the mark of where the order stands; that of an unknown word if that is not known.
func (v *orderPage) Status() mark {
	if v.Unread != "" {
		return markOf("unknown")
	}
	return markOf(v.Order.Status())
}

// Lasted is how long it was from the order's placing to its end, or is by now.
func (v *orderPage) Lasted() float64 { return v.To.Sub(v.From).Seconds() }

// Since is how many seconds the page is later than a time.
func (v *orderPage) Since(t time.Time) float64 { return max(0, v.AsOf.Sub(t).Seconds()) }

// Question is the heading of the diagnosis.
func (v *orderPage) Question() string {
	switch v.Diagnosis.Verdict {
	case diagnosis.Progressing:
		return "What this order is doing"
	case diagnosis.Ended:
		return "How this order ended"
	case diagnosis.Waiting, diagnosis.WaitingForCapacity, diagnosis.Blocked, diagnosis.Inconsistent, diagnosis.Unknown:
	}
	return "Why this order does not move"
}

// stateAt is the order as it was after an event.
type stateAt struct {
	Order          domain.Order
	Last           int // version of the order now
	Earlier, Later int // versions; 0 if there is none
	At             time.Time
	Given          string
	Steps          []stepAt
}

type stepAt struct {
	Name domain.Step
	domain.StepState
}

// stateOf is the order at the moment that a query asks for with at, or else as it is now.
func stateOf(events []domain.Recorded, query url.Values) (s stateAt, err error) {
	m := domain.Moment{Version: len(events)}
	if s.Given = query.Get("at"); s.Given != "" {
		if m, err = domain.ParseMoment(s.Given); err != nil {
			return s, err
		}
	}
	if s.Order, err = domain.FoldTo(events, m); err != nil {
		return s, err
	}
	n := s.Order.Version
	s.Last, s.Earlier, s.At = len(events), n-1, events[n-1].RecordedAt
	if n < s.Last {
		s.Later = n + 1
	}
	for _, step := range domain.Steps() {
		s.Steps = append(s.Steps, stepAt{step, s.Order.Step(step)})
	}
	return s, nil
}

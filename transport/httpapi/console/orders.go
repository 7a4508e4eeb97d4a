package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"orderflow/domain"
	"orderflow/projections"
)

// Orders are the orders in lists.
type Orders interface {
	// Get gives one order; domain.ErrNotFound.
	Get(ctx context.Context, id domain.OrderID) (projections.OrderView, error)
	// List gives one page of orders, newest first; domain.ErrInvalid for a bad filter.
	List(ctx context.Context, f projections.Filter) (projections.Page, error)
}

const ordersPath = Home + "/orders"

// ordersPage is what the list of orders shows.
type ordersPage struct {
	Find     found // what was asked for
	Statuses []domain.Status
	Steps    []domain.Step
	Rows     []orderRow
	Quick    []quick
	Next     string // address of the page after this one; empty if there is none
	First    string // address of the first page; empty if this is it
	CSV      string
	JSON     string
	asOf     time.Time
}

// found is the query of a list, as it was given.
type found struct{ Q, Status, Step, Node, After, Before string }

// quick is a filter that is one link away.
type quick struct {
	Name, Path string
	Here       bool
}

// statusOpen stands for all statuses of orders that have not ended and are not parked.
const statusOpen = "open"

// orders answers with a page of the list.
func (c *Console) orders(r *http.Request) (Page, error) {
	v, err := c.findOrders(r)
	if err != nil {
		return Page{}, err
	}
	return page(r, "orders.html", Head{Title: "Orders", Here: ordersPath, AsOf: v.asOf, OwnClock: true}, v)
}

// ordersTable answers with a page of the list as a file.
func (c *Console) ordersTable(r *http.Request) (Page, error) {
	v, err := c.findOrders(r)
	if err != nil {
		return Page{}, err
	}
	header := []string{
		"order_id", "tracking_id", "customer", "status", "current_step", "attempt", "node", "placed_at", "started_at", "completed_at", "version", "error",
	}
	t := tableOf("orders", v.asOf, v.Rows, header, func(o orderRow) []any {
		return []any{o.ID, o.TrackingID, o.Customer, o.Status, o.Step, o.Attempt, o.Node, o.PlacedAt, o.StartedAt, o.EndedAt, o.Version, o.Error}
	})
	if mux.Vars(r)["form"] == "csv" {
		return t.csv()
	}
	return t.json()
}

// findOrders reads the page of the list that a query asks for.
func (c *Console) findOrders(r *http.Request) (v *ordersPage, err error) {
	query := r.URL.Query()
	v = &ordersPage{Statuses: domain.Statuses(), Steps: domain.Steps(), asOf: time.Now()}
	v.Find = found{
		Q: strings.TrimSpace(query.Get("q")), Status: query.Get("status"), Step: query.Get("step"), Node: query.Get("node"),
		After: query.Get("placed_after"), Before: query.Get("placed_before"),
	}
	f, err := v.Find.filter(query.Get("cursor"))
	if err != nil {
		return nil, err
	}
	listed, err := c.listed(r.Context(), v.Find, f)
	if err != nil {
		return nil, err
	}
	for _, o := range listed.Orders {
		row, err := rowOf(o, v.asOf)
		if err != nil {
			return nil, err
		}
		v.Rows = append(v.Rows, row)
	}
	v.links(query, listed.NextCursor)
	return v, nil
}

// listed are the orders that were asked for. An order id finds its order, whatever else is asked.
func (c *Console) listed(ctx context.Context, asked found, f projections.Filter) (p projections.Page, err error) {
	id, err := domain.ParseOrderID(asked.Q)
	if err != nil {
		return c.conf.Orders.List(ctx, f)
	}
	switch o, err := c.conf.Orders.Get(ctx, id); {
	case errors.Is(err, domain.ErrNotFound):
		return p, nil
	case err != nil:
		return p, err
	default:
		return projections.Page{Orders: []projections.OrderView{o}}, nil
	}
}

// filter is what lists are asked. Its errors are of kind domain.ErrInvalid, or a *domain.FieldError.
func (a found) filter(cursor string) (f projections.Filter, err error) {
	f = projections.Filter{TrackingID: a.Q, Cursor: cursor}
	switch a.Status {
	case "":
	case statusOpen:
		for _, s := range domain.Statuses() {
			if !s.Ended() && s != domain.StatusParked {
				f.Status = append(f.Status, s)
			}
		}
	default:
		f.Status = []domain.Status{domain.Status(a.Status)}
	}
	if a.Step != "" {
		f.Step = []domain.Step{domain.Step(a.Step)}
	}
	if a.Node != "" {
		f.Node = []string{a.Node}
	}
	if f.PlacedAfter, err = momentOf("placed_after", a.After); err == nil {
		f.PlacedBefore, err = momentOf("placed_before", a.Before)
	}
	return f, err
}

// momentOf reads a time, in UTC where it names no zone; zero for none.
func momentOf(field, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, form := range []string{time.RFC3339, time.DateTime, "2006-01-02 15:04", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.Parse(form, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, &domain.FieldError{Field: field, Expected: "a time such as 2026-01-31 12:00, in UTC, or one of RFC 3339", Got: domain.Shorten(text)}
}

// links makes the addresses that the page leads to.
func (v *ordersPage) links(query url.Values, next string) {
	address := func(path string, change ...string) string {
		q := url.Values{}
		for _, name := range []string{"q", "status", "step", "node", "placed_after", "placed_before", "cursor"} {
			if value := query.Get(name); value != "" {
				q.Set(name, value)
			}
		}
		for i := 0; i < len(change); i += 2 {
			q.Set(change[i], change[i+1])
			if change[i+1] == "" {
				q.Del(change[i])
			}
		}
		if len(q) == 0 {
			return path
		}
		return path + "?" + q.Encode()
	}
	v.CSV, v.JSON = address(ordersPath+".csv"), address(ordersPath+".json")
	if query.Get("cursor") != "" {
		v.First = address(ordersPath, "cursor", "")
	}
	if next != "" {
		v.Next = address(ordersPath, "cursor", next)
	}
	for _, q := range [][2]string{{"All", ""}, {"On their way", statusOpen}, {"Rolling back", "RollingBack"}, {"Parked", "Parked"}, {"Failed", "Failed"}} {
		v.Quick = append(v.Quick, quick{q[0], address(ordersPath, "status", q[1], "cursor", ""), v.Find.Status == q[1]})
	}
}

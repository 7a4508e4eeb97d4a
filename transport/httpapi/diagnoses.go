package httpapi

import (
	"context"
	"net/http"
	"slices"
	"time"

	"orderflow/domain"
	"orderflow/handlers/diagnosis"
	"orderflow/projections"
)

// Surveys says why all open orders are as they are.
type Surveys interface {
	// Latest is the last survey.
	Latest(ctx context.Context) (diagnosis.Survey, error)
	// ListedAt is what Page is as of; zero if there has been no survey yet.
	ListedAt(ctx context.Context) (time.Time, error)
	// Page gives orders that have a reason, in the order of their ids, after one.
	Page(ctx context.Context, reason diagnosis.Reason, after domain.OrderID, most int) ([]diagnosis.Finding, error)
	// Own is the last survey if it was this node's to make, and how long ago that was; nil if not.
	Own() (*diagnosis.Survey, time.Duration)
}

// findings is a page of orders that have a reason.
type findings struct {
	AsOf   time.Time        `json:"as_of,omitzero"`
	Reason diagnosis.Reason `json:"reason"`
	// ListedAfter is how long, in seconds, an order has the reason before it is listed; 0 if it is listed at once.
	ListedAfter float64             `json:"listed_after_seconds,omitempty"`
	Orders      []diagnosis.Finding `json:"orders"`
	NextCursor  *domain.OrderID     `json:"next_cursor"` // null: there are no more
}

// survey answers with the counts of reasons, or with a page of the orders of one.
func (a *admin) survey(w http.ResponseWriter, r *http.Request) error {
	reason, after, limit, err := surveyQuery(r)
	if err != nil {
		return err
	}
	if reason == "" {
		s, err := a.surveys.Latest(r.Context())
		if err != nil {
			return err
		}
		s.Traffic = nil // which a diagnosis of one order looks at
		return answer(w, http.StatusOK, s)
	}
	page := findings{Reason: reason}
	if reason.Progresses() {
		page.ListedAfter = diagnosis.ListedAfter.Seconds()
	}
	if page.AsOf, err = a.surveys.ListedAt(r.Context()); err != nil {
		return err
	}
	if page.Orders, err = a.surveys.Page(r.Context(), reason, after, limit+1); err != nil {
		return err
	}
	if len(page.Orders) > limit {
		page.Orders = page.Orders[:limit]
		page.NextCursor = &page.Orders[limit-1].OrderID
	}
	return answer(w, http.StatusOK, page)
}

// surveyQuery reads the query of a survey. Errors are *problem.
func surveyQuery(r *http.Request) (reason diagnosis.Reason, after domain.OrderID, limit int, err error) {
	limit = projections.DefaultLimit
	values, err := readParams(r, "reason", "limit", "cursor")
	if err != nil {
		return reason, after, limit, err
	}
	if values.Get("reason") == "" {
		if slices.ContainsFunc([]string{"limit", "cursor"}, values.Has) {
			err = problemInvalidRequest.because("`limit` and `cursor` are for the orders of a `reason`", nil)
		}
		return reason, after, limit, err
	}
	reason, err = oneOf("reason", values.Get("reason"), diagnosis.Reasons())
	if text := values.Get("limit"); err == nil && text != "" {
		limit, err = pageLimit(text)
	}
	if text := values.Get("cursor"); err == nil && text != "" {
		if after, err = domain.ParseOrderID(text); err != nil {
			err = invalidValue(inQuery, "cursor", "the `next_cursor` of the page before", domain.Shorten(text))
		}
	}
	return reason, after, limit, err
}

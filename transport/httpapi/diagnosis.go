package httpapi

import (
	"context"
	"fmt"
	"net/http"

	"orderflow/domain"
	"orderflow/handlers/diagnosis"
)

// Diagnoser says why an order does not move.
type Diagnoser interface {
	Diagnose(ctx context.Context, id domain.OrderID) (diagnosis.Answer, error)
}

// diagnosis answers with the diagnosis of an order. That there is no such order is a problem, as elsewhere, unless
// lists have it: then there is something to tell.
func (a *admin) diagnosis(w http.ResponseWriter, r *http.Request) error {
	id, err := orderID(r)
	if err != nil {
		return err
	}
	d, err := a.diagnoses.Diagnose(r.Context(), id)
	switch {
	case err != nil:
		return err
	case d.Reason == diagnosis.UnknownOrder && d.Verdict == diagnosis.Unknown:
		what := fmt.Sprintf("there is no order %s: if you have its tracking id, look for it with %#q at the customers' API", id, "GET /v1/orders?tracking_id=ID")
		return problemOrderNotFound.because(what, members{"order_id": id})
	}
	return answer(w, http.StatusOK, d)
}

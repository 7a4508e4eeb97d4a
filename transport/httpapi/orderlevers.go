package httpapi

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"orderflow/domain"
	"orderflow/handlers/operate"
	"orderflow/internal/jsontext"
)

// orderLeverRoutes are the levers on one order.
func (a *admin) orderLeverRoutes(operators []Role) []route {
	pull := func(serve func(http.ResponseWriter, *http.Request) error) map[string]endpoint {
		return map[string]endpoint{http.MethodPost: {serve: serve, roles: operators, timeout: a.timeout}}
	}
	return []route{
		{"/v1/orders/{id}/cancel", pull(a.cancel)},
		{"/v1/orders/{id}/fail", pull(a.fail)},
		{"/v1/orders/{id}/retry", pull(a.retry)},
	}
}

// cancel asks for the end of an order.
func (a *admin) cancel(w http.ResponseWriter, r *http.Request) error {
	l, err := readOrderLever(w, r, "now")
	if err != nil {
		return err
	}
	now, err := decodeFlag(l.fields, "now")
	if err != nil {
		return err
	}
	asked, err := a.onOrders.Cancel(r.Context(), l.seen, now, l.by)
	return answerAsked(w, l.seen.ID, asked, err)
}

// fail gives up a parked order.
func (a *admin) fail(w http.ResponseWriter, r *http.Request) error {
	l, err := readOrderLever(w, r)
	if err != nil {
		return err
	}
	asked, err := a.onOrders.Fail(r.Context(), l.seen, l.by)
	return answerAsked(w, l.seen.ID, asked, err)
}

// retry places an order anew.
func (a *admin) retry(w http.ResponseWriter, r *http.Request) error {
	l, err := readOrderLever(w, r)
	if err != nil {
		return err
	}
	retried, err := a.onOrders.Retry(r.Context(), l.seen, l.by)
	if err != nil {
		return orderError(l.seen.ID, err)
	}
	w.Header().Set("ETag", entityTag(retried.Version))
	return answer(w, http.StatusAccepted, retried)
}

// answerAsked answers with what became of an order.
func answerAsked(w http.ResponseWriter, id domain.OrderID, asked operate.Asked, err error) error {
	if err != nil {
		return orderError(id, err)
	}
	w.Header().Set("ETag", entityTag(asked.Version))
	return answer(w, http.StatusAccepted, asked)
}

// orderLever is what a request asks of an order.
type orderLever struct {
	seen   operate.Seen // which order, and at which version
	by     operate.By
	fields map[string]json.RawMessage // of its body
}

// readOrderLever reads a lever whose body has a reason and perhaps other fields. Errors are *problem.
func readOrderLever(w http.ResponseWriter, r *http.Request, others ...string) (l orderLever, err error) {
	if l.seen.ID, err = orderID(r); err != nil {
		return l, err
	}
	if l.seen.Version, err = ifMatch(r.Header); err != nil {
		return l, err
	}
	if l.fields, err = readFields(w, r, append([]string{"reason"}, others...)); err != nil {
		return l, err
	}
	reason, err := decodeText(l.fields, "reason")
	if err != nil {
		return l, err
	}
	l.by, err = asks(r, reason)
	return l, err
}

// ifMatch is the version that an order must have; 0 for any.
func ifMatch(h http.Header) (int, error) {
	const field = "If-Match"
	values := h.Values(field)
	switch {
	case len(values) == 0 || len(values) == 1 && values[0] == "*":
		return 0, nil
	case len(values) > 1:
		return 0, repeatedField(inHeader, field)
	}
	text, quoted := strings.CutPrefix(values[0], `"`)
	text, closed := strings.CutSuffix(text, `"`)
	version, err := strconv.Atoi(text)
	if !quoted || !closed || err != nil || version < 1 {
		return 0, invalidValue(inHeader, field, `the ETag of the order, which is its version in quotation marks, or *`, domain.Shorten(values[0]))
	}
	return version, nil
}

// decodeFlag reads a field that is true or false, and false if it is left out.
func decodeFlag(fields map[string]json.RawMessage, name string) (flag bool, err error) {
	raw, there := fields[name]
	if !there {
		return false, nil
	}
	if json.Unmarshal(raw, &flag) != nil || jsontext.Kind(raw) == "null" {
		return false, invalidValue(inBody, name, "true or false", jsontext.Kind(raw))
	}
	return flag, nil
}

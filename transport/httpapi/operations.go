package httpapi

import "net/http"

// operations gives a page of the log of operations.
func (a *admin) operations(w http.ResponseWriter, r *http.Request) error {
	params, err := readParams(r, "limit", "cursor")
	if err != nil {
		return err
	}
	limit, err := limitOf(params)
	if err != nil {
		return err
	}
	page, err := a.levers.Log(r.Context(), limit, params.Get("cursor"))
	if err != nil {
		return inTheQuery(err)
	}
	return answer(w, http.StatusOK, page)
}

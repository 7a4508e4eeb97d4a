package httpapi

import (
	"errors"
	"net/http"

	"orderflow/domain"
	"orderflow/handlers/operate"
)

// operations gives a page of the log of operations.
func (a *admin) operations(w http.ResponseWriter, r *http.Request) error {
	params, err := readParams(r, "limit", "cursor")
	if err != nil {
		return err
	}
	limit := operate.DefaultPage
	if given := params.Get("limit"); given != "" {
		if limit, err = pageLimit(given); err != nil {
			return err
		}
	}
	page, err := a.levers.Log(r.Context(), limit, params.Get("cursor"))
	var field *domain.FieldError
	if errors.As(err, &field) {
		return invalidValue(inQuery, field.Field, field.Expected, field.Got)
	}
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, page)
}

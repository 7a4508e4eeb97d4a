package httpapi

import (
	"context"
	"fmt"
	"net/http"

	"github.com/gorilla/mux"

	"orderflow/domain"
	"orderflow/handlers/operate"
)

// steps lists the steps, and which of them are paused.
func (a *admin) steps(w http.ResponseWriter, r *http.Request) error {
	if _, err := readParams(r); err != nil {
		return err
	}
	steps, err := a.levers.Steps(r.Context())
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, map[string][]operate.Step{"steps": steps})
}

// stepLever answers a lever on the step that the path names.
func (a *admin) stepLever(pull func(l operate.Levers, ctx context.Context, step domain.Step, by operate.By) (operate.Done, error)) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		name := mux.Vars(r)["step"]
		step, err := domain.ReadStep(name)
		if err != nil {
			return invalidValue(inPath, "step", "one of "+domain.List(domain.Steps()), fmt.Sprintf("%q", domain.Shorten(name)))
		}
		by, _, err := readLever(w, r)
		if err != nil {
			return err
		}
		done, err := pull(a.levers, r.Context(), step, by)
		if err != nil {
			return err
		}
		return answer(w, http.StatusOK, done)
	}
}

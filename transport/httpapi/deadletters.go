package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
	"unicode/utf8"

	"github.com/gorilla/mux"

	"orderflow/domain"
	"orderflow/handlers/operate"
)

// DeadLetters are the messages that were given up.
type DeadLetters interface {
	// List gives a page of those that a filter lets through, the latest in front. Errors of kind domain.ErrInvalid name
	// what is wrong with the filter.
	List(ctx context.Context, f operate.LetterFilter, cursor string, limit int) (operate.LetterPage, error)
	// Requeue gives one back to the workers, and resumes its order; domain.ErrNotFound, domain.ErrConflict.
	Requeue(ctx context.Context, key string, by operate.By) (operate.LetterDone, error)
	// Discard removes one; domain.ErrNotFound, and domain.ErrRule if a parked order waits for it.
	Discard(ctx context.Context, key string, by operate.By) (operate.LetterDone, error)
}

// letterRoutes are the dead letters. The key of a letter, GROUP:TOPIC/PARTITION/POSITION, stands in the path as it is.
func (a *admin) letterRoutes(operators []Role) []route {
	const letter = "/v1/deadletters/{queue}/{partition}/{position}"
	decide := func(do func(context.Context, string, operate.By) (operate.LetterDone, error)) map[string]endpoint {
		return map[string]endpoint{http.MethodPost: {serve: letterLever(do), roles: operators, timeout: a.timeout}}
	}
	return []route{
		{"/v1/deadletters", get(endpoint{serve: a.listLetters, roles: operators, timeout: a.timeout})},
		{letter + "/requeue", decide(func(ctx context.Context, key string, by operate.By) (operate.LetterDone, error) {
			return a.letters.Requeue(ctx, key, by)
		})},
		{letter + "/discard", decide(func(ctx context.Context, key string, by operate.By) (operate.LetterDone, error) {
			return a.letters.Discard(ctx, key, by)
		})},
	}
}

func (a *admin) listLetters(w http.ResponseWriter, r *http.Request) error {
	params, f, err := readLetterFilter(r)
	if err != nil {
		return err
	}
	limit, err := limitOf(params)
	if err != nil {
		return err
	}
	page, err := a.letters.List(r.Context(), f, params.Get("cursor"), limit)
	if err != nil {
		return inTheQuery(err)
	}
	return answer(w, http.StatusOK, page)
}

// readLetterFilter reads the query of the list of dead letters.
func readLetterFilter(r *http.Request) (params url.Values, f operate.LetterFilter, err error) {
	params, err = url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return params, f, problemInvalidRequest.because("the query of the URL is malformed: "+err.Error(), nil)
	}
	known := []string{"topic", "node", "customer", "reason_contains", "parked_after", "parked_before", "limit", "cursor"}
	if err := checkNames(params, known, []string{"topic", "node"}); err != nil {
		return params, f, err
	}
	for name, values := range params {
		for _, v := range values {
			if !utf8.ValidString(v) {
				return params, f, invalidValue(inQuery, name, "text in UTF-8", "other bytes")
			}
		}
	}
	f = operate.LetterFilter{Topics: params["topic"], Nodes: params["node"], Customer: params.Get("customer"), Reason: params.Get("reason_contains")}
	for name, into := range map[string]*time.Time{"parked_after": &f.ParkedAfter, "parked_before": &f.ParkedBefore} {
		if given := params.Get(name); given != "" && err == nil {
			*into, err = instant(name, given)
		}
	}
	if err == nil {
		err = inTheQuery(f.Check())
	}
	return params, f, err
}

// letterLever answers a lever on the dead letter that the path names.
func letterLever(do func(context.Context, string, operate.By) (operate.LetterDone, error)) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		v := mux.Vars(r)
		key := fmt.Sprintf("%s/%s/%s", v["queue"], v["partition"], v["position"])
		by, _, err := readLever(w, r)
		if err != nil {
			return err
		}
		done, err := do(r.Context(), key, by)
		if errors.Is(err, domain.ErrNotFound) {
			return problemLetterNotFound.because("there is no dead letter "+domain.Shorten(key), nil)
		}
		if err != nil {
			return err
		}
		return answer(w, http.StatusOK, done)
	}
}

package httpapi

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"orderflow/domain"
	"orderflow/handlers/operate"
	"orderflow/projections"
)

// filterParams are the query parameters of the list. Each reads a value into the filter; a parameter
// that may be given several times reads each of its values.
var filterParams = []struct {
	name    string
	several bool
	read    func(f *projections.Filter, value string) error
}{
	{"status", true, func(f *projections.Filter, v string) error {
		s, err := oneOf("status", v, domain.Statuses())
		f.Status = append(f.Status, s)
		return err
	}},
	{"step", true, func(f *projections.Filter, v string) error {
		s, err := oneOf("step", v, domain.Steps())
		f.Step = append(f.Step, s)
		return err
	}},
	{"node", true, func(f *projections.Filter, v string) error { f.Node = append(f.Node, v); return nil }},
	{"placed_after", false, func(f *projections.Filter, v string) (err error) {
		f.PlacedAfter, err = instant("placed_after", v)
		return err
	}},
	{"placed_before", false, func(f *projections.Filter, v string) (err error) {
		f.PlacedBefore, err = instant("placed_before", v)
		return err
	}},
	{"tracking_id", false, func(f *projections.Filter, v string) error { f.TrackingID = v; return nil }},
	{"limit", false, func(f *projections.Filter, v string) (err error) { f.Limit, err = pageLimit(v); return err }},
	{"cursor", false, func(f *projections.Filter, v string) error { f.Cursor = v; return nil }},
}

// readFilter reads the query of a list. An empty parameter is as good as none. Errors
// are *problem.
func readFilter(query string) (projections.Filter, error) {
	f := projections.Filter{Limit: projections.DefaultLimit}
	values, err := url.ParseQuery(query)
	if err != nil {
		return f, problemInvalidRequest.because("the query of the URL is malformed: "+err.Error(), nil)
	}
	var known, several []string
	for _, p := range filterParams {
		if known = append(known, p.name); p.several {
			several = append(several, p.name)
		}
	}
	if err := checkNames(values, known, several); err != nil {
		return f, err
	}
	for _, p := range filterParams {
		for _, value := range values[p.name] {
			if value == "" {
				continue
			}
			if !utf8.ValidString(value) {
				return f, invalidValue(inQuery, p.name, "text in UTF-8", "other bytes")
			}
			if err := p.read(&f, value); err != nil {
				return f, err
			}
		}
	}
	if n := f.Choices(); n > projections.MaxChoices {
		return f, problemInvalidRequest.because(fmt.Sprintf(
			"`status`, `step` and `node` have %d combinations of their values: at most %d are allowed", n, projections.MaxChoices), nil)
	}
	return f, nil
}

// readMoment reads the parameter at of a query; zero if it has none. An empty one is as good as none. Errors are *problem
// or *domain.FieldError.
func readMoment(r *http.Request) (m domain.Moment, err error) {
	values, err := readParams(r, "at")
	if err != nil || values.Get("at") == "" {
		return m, err
	}
	return domain.ParseMoment(values.Get("at"))
}

// inTheQuery has a *domain.FieldError say that the field is in the query.
func inTheQuery(err error) error {
	var field *domain.FieldError
	if errors.As(err, &field) {
		return invalidValue(inQuery, field.Field, field.Expected, field.Got)
	}
	return err
}

// checkNames refuses parameters that are not known, and those given twice that have one value.
func checkNames(values url.Values, known, several []string) error {
	for _, name := range slices.Sorted(maps.Keys(values)) { // sorted, so that a request always gets the same answer
		if !slices.Contains(known, name) {
			return unknownField(inQuery, "parameter", name, known)
		}
		if len(values[name]) > 1 && !slices.Contains(several, name) {
			return repeatedField(inQuery, name)
		}
	}
	return nil
}

func oneOf[T ~string](name, value string, allowed []T) (T, error) {
	if slices.Contains(allowed, T(value)) {
		return T(value), nil
	}
	return "", invalidValue(inQuery, name, "one of "+domain.List(allowed), fmt.Sprintf("%q", domain.Shorten(value)))
}

func instant(name, value string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, value)
	if year := t.UTC().Year(); err != nil || year < 1 || year > 9998 { // databases have no others
		return t, invalidValue(inQuery, name, "a time of RFC 3339, such as 2026-01-31T12:00:00Z (a + as %2B)", fmt.Sprintf("%q", domain.Shorten(value)))
	}
	return t.UTC(), nil
}

// limitOf is how long a page is to be.
func limitOf(params url.Values) (int, error) {
	if given := params.Get("limit"); given != "" {
		return pageLimit(given)
	}
	return operate.DefaultPage, nil
}

func pageLimit(value string) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 || n > projections.MaxLimit {
		return 0, invalidValue(inQuery, "limit", fmt.Sprintf("a whole number from 1 to %d", projections.MaxLimit), fmt.Sprintf("%q", domain.Shorten(value)))
	}
	return n, nil
}

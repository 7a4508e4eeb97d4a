package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"orderflow/domain"
	"orderflow/handlers/operate"
	"orderflow/internal/jsontext"
)

// leverRoutes are the levers on the cluster, and what there is to look at before and after.
func (a *admin) leverRoutes(operators []Role) []route {
	look := func(serve func(http.ResponseWriter, *http.Request) error) map[string]endpoint {
		return get(endpoint{serve: serve, roles: operators, timeout: a.timeout})
	}
	pull := func(serve func(http.ResponseWriter, *http.Request) error) map[string]endpoint {
		return map[string]endpoint{http.MethodPost: {serve: serve, roles: operators, timeout: a.timeout}}
	}
	return []route{
		{"/v1/nodes", look(a.nodes)},
		{"/v1/nodes/{node}/drain", pull(a.nodeLever(operate.Levers.Drain))},
		{"/v1/nodes/{node}/cordon", pull(a.nodeLever(operate.Levers.Cordon))},
		{"/v1/nodes/{node}/uncordon", pull(a.nodeLever(operate.Levers.Uncordon))},
		{"/v1/nodes/{node}/stop", pull(a.nodeLever(operate.Levers.Stop))},
		{"/v1/nodes/{node}/loglevel", pull(a.setLogLevel)},
		{"/v1/steps", look(a.steps)},
		{"/v1/steps/{step}/pause", pull(a.stepLever(operate.Levers.Pause))},
		{"/v1/steps/{step}/resume", pull(a.stepLever(operate.Levers.Resume))},
		{"/v1/operations", look(a.operations)},
	}
}

// maxLever is how many bytes the body of a lever may have.
const maxLever = 16 << 10

// readFields reads the body of a lever, whose fields are these. Errors are *problem.
func readFields(w http.ResponseWriter, r *http.Request, known []string) (map[string]json.RawMessage, error) {
	if _, err := readParams(r); err != nil { // what is said there would not be heeded
		return nil, err
	}
	if err := checkMediaType(r.Header); err != nil {
		return nil, err
	}
	h := &hold{of: &budget{most: maxLever}, most: maxLever}
	defer h.release()
	body, err := readBody(w, r, h)
	if err != nil {
		return nil, err
	}
	if err := checkText(body); err != nil {
		return nil, err
	}
	return decodeObject(body, known)
}

// readLever reads the body of a lever: who asks and why, and the texts that it wants besides the reason. Errors are
// *problem.
func readLever(w http.ResponseWriter, r *http.Request, wanted ...string) (by operate.By, given map[string]string, err error) {
	wanted = append([]string{"reason"}, wanted...)
	fields, err := readFields(w, r, wanted)
	if err != nil {
		return by, nil, err
	}
	given = map[string]string{}
	for _, name := range wanted {
		if given[name], err = decodeText(fields, name); err != nil {
			return by, nil, err
		}
	}
	by, err = asks(r, given["reason"])
	return by, given, err
}

// asks is who sends a request, and why. Errors are *problem or *domain.FieldError.
func asks(r *http.Request, reason string) (operate.By, error) {
	by := operate.By{
		Actor: string(RoleOperator), Reason: reason,
		About: map[string]string{"remote": r.RemoteAddr, "correlation_id": exchangeOf(r.Context()).correlationID},
	}
	return by, by.Check()
}

// decodeText reads a field that must be there and be a string.
func decodeText(fields map[string]json.RawMessage, name string) (text string, err error) {
	raw, there := fields[name]
	if !there {
		return "", invalidValue(inBody, name, "a string", "nothing")
	}
	if kind := jsontext.Kind(raw); kind != "string" {
		return "", invalidValue(inBody, name, "a string", kind)
	}
	err = json.Unmarshal(raw, &text)
	return text, err
}

// readParams reads the query of a path whose parameters are these, each at most once. Errors are *problem.
func readParams(r *http.Request, known ...string) (url.Values, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, problemInvalidRequest.because("the query of the URL is malformed: "+err.Error(), nil)
	}
	return values, checkNames(values, known, nil)
}

// flagParam reads a parameter that is true or false, and false if it is left out.
func flagParam(values url.Values, name string) (bool, error) {
	switch v := values.Get(name); {
	case slices.Contains([]string{"", "false"}, v):
		return false, nil
	case v == "true":
		return true, nil
	default:
		return false, invalidValue(inQuery, name, "true or false", fmt.Sprintf("%q", domain.Shorten(v)))
	}
}

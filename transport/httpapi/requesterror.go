package httpapi

import (
	"fmt"
	"net/http"
	"strings"

	"orderflow/domain"
	"orderflow/internal/spelling"
)

// RequestError says what is wrong with a request. Those with a status of 400 are of
// kind domain.ErrInvalid.
type RequestError struct {
	// Problem is the name of the problem type, for example "invalid-value".
	Problem string
	// Detail is a sentence that names what was found and what was expected.
	Detail string
	// Members are further members of the problem document, such as "field".
	Members map[string]any

	header http.Header
}

func (e *RequestError) Error() string { return e.Detail }

// Is makes a malformed request a domain.ErrInvalid.
func (e *RequestError) Is(target error) bool {
	return target == domain.ErrInvalid && problemTypeOf(e.Problem).status == http.StatusBadRequest
}

// The places of a request where a name can be wrong.
const (
	inBody   = "body"
	inQuery  = "query"
	inPath   = "path"
	inHeader = "header"
)

// invalidValue says what field must be, and what it was.
func invalidValue(in, field, expected, got string) *RequestError {
	return &RequestError{
		Problem: problemInvalidValue,
		Detail:  fmt.Sprintf("%#q must be %s, got %s", field, expected, got),
		Members: map[string]any{"in": in, "field": field, "expected": expected},
	}
}

func repeatedField(in, field string) *RequestError {
	return &RequestError{
		Problem: problemRepeatedField,
		Detail:  fmt.Sprintf("%#q is given more than once", domain.Shorten(field)),
		Members: map[string]any{"in": in, "field": field},
	}
}

func unknownField(in, what, field string, allowed []string) *RequestError {
	e := &RequestError{
		Problem: problemUnknownField,
		Detail:  fmt.Sprintf("unknown %s %#q", what, domain.Shorten(field)),
		Members: map[string]any{"in": in, "field": domain.Shorten(field), "allowed": allowed},
	}
	if meant, found := spelling.Closest(field, allowed); found {
		e.Detail += fmt.Sprintf(": did you mean %#q?", meant)
		e.Members["suggestion"] = meant
	} else {
		e.Detail += fmt.Sprintf(" (there are: %s)", strings.Join(allowed, ", "))
	}
	return e
}

func tooDeep(what string, limit int) *RequestError {
	return &RequestError{
		Problem: problemTooDeep,
		Detail:  fmt.Sprintf("%s is nested more than %d levels deep", what, limit),
		Members: map[string]any{"limit": limit},
	}
}

func pathNotFound(r *http.Request) *RequestError {
	return &RequestError{Problem: problemPathNotFound, Detail: fmt.Sprintf("there is nothing at %s", domain.Shorten(r.URL.EscapedPath()))}
}

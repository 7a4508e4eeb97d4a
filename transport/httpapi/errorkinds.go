package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"orderflow/domain"
	"orderflow/handlers"
)

// errorKinds is the one table from the kind of an error to the answer, the first
// that matches. An error of no kind is internal.
var errorKinds = []struct {
	kind    error
	problem string
	detail  string // empty: the error's own text, which says only what the caller may know
	header  http.Header
}{
	{kind: domain.ErrInvalid, problem: problemInvalidRequest},
	{kind: domain.ErrNotFound, problem: problemOrderNotFound},
	{kind: domain.ErrDuplicate, problem: problemKeyInUse},
	{kind: domain.ErrConflict, problem: problemConflict},
	{kind: domain.ErrRule, problem: problemNotAllowed},
	{kind: domain.ErrUnavailable, problem: problemUnavailable, detail: detailUnavailable, header: retrySoon},
	{kind: domain.ErrNewer, problem: problemUnavailable, detail: detailNewer, header: retrySoon},
	{kind: domain.ErrFenced, problem: problemUnavailable, detail: detailUnavailable, header: retrySoon},
	{kind: context.DeadlineExceeded, problem: problemTimeout, detail: detailTimeout, header: retrySoon},
	{kind: context.Canceled, problem: problemUnavailable, detail: detailUnavailable, header: retrySoon},
}

const (
	detailUnavailable = "the request could not be carried out now; it may be repeated"
	detailNewer       = "this node is of an older version than what is asked for; others may answer, so the request may be repeated"
	detailTimeout     = "the request was not carried out in time; it may be repeated"
	detailInternal    = "the request could not be carried out because of a fault in this system"
)

var retrySoon = http.Header{"Retry-After": {"1"}}

// problemOf is the problem that err is for the caller, without instance, and the
// header fields that go with it.
func problemOf(err error) (problem, http.Header) {
	var request *RequestError
	if errors.As(err, &request) {
		return newProblem(request.Problem, request.Detail, request.Members), request.header
	}
	var field *domain.FieldError
	if errors.As(err, &field) {
		return problemOf(invalidValue(placeOf(field.Field), field.Field, field.Expected, field.Got))
	}
	var duplicate *domain.DuplicateError
	if errors.As(err, &duplicate) {
		return keyInUse(duplicate), nil
	}
	for _, k := range errorKinds {
		if !errors.Is(err, k.kind) {
			continue
		}
		detail := k.detail
		switch detail {
		case detailUnavailable:
			detail = unavailable(err)
		case "":
			detail = strings.TrimPrefix(err.Error(), k.kind.Error()+": ")
		}
		return newProblem(k.problem, detail, nil), k.header
	}
	return newProblem(problemInternal, detailInternal, nil), nil
}

// unavailable says what keeps the database from answering, if that has a name.
func unavailable(err error) string {
	var named interface{ Cause() string }
	if errors.As(err, &named) {
		return detailUnavailable + ": " + named.Cause()
	}
	return detailUnavailable
}

func newProblem(name, detail string, members map[string]any) problem {
	t := problemTypeOf(name)
	return problem{Type: t.uri(), Title: t.title, Status: t.status, Detail: detail, members: members}
}

func keyInUse(e *domain.DuplicateError) problem {
	members := map[string]any{"order_id": e.OrderID}
	field, key := keyOf(e.Key)
	if field == "" {
		return newProblem(problemKeyInUse, e.Error(), members)
	}
	members["in"], members["field"] = placeOf(field), field
	detail := fmt.Sprintf("%#q %s was used for order %s, whose content is another", field, key, e.OrderID)
	return newProblem(problemKeyInUse, detail, members)
}

// keyOf is the field of the request that a reserved key came from, and its value.
func keyOf(reserved string) (field, key string) {
	switch _, kind, key := domain.SplitKey(reserved); kind {
	case domain.KeyTracking:
		return handlers.FieldTrackingID, key
	case domain.KeyIdempotency:
		return handlers.FieldIdempotencyKey, key
	}
	return "", ""
}

// placeOf says where in the request a field of a new order is.
func placeOf(field string) string {
	if field == handlers.FieldIdempotencyKey {
		return inHeader
	}
	return inBody
}

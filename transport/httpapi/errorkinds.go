package httpapi

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"orderflow/domain"
	"orderflow/handlers"
)

// errorKinds is the one table from the kind of an error to the answer, the first
// that matches. An error of no kind is internal.
var errorKinds = []struct {
	err    error
	kind   *problemType
	detail string // empty: the error's own text, which says only what the caller may know
}{
	{domain.ErrInvalid, problemInvalidRequest, ""},
	{domain.ErrNotFound, problemOrderNotFound, ""},
	{domain.ErrDuplicate, problemKeyInUse, ""},
	{domain.ErrConflict, problemConflict, ""},
	{domain.ErrRule, problemNotAllowed, ""},
	{domain.ErrUnavailable, problemUnavailable, detailUnavailable},
	{domain.ErrNewer, problemUnavailable, detailNewer},
	{domain.ErrFenced, problemUnavailable, detailUnavailable},
	{context.DeadlineExceeded, problemTimeout, detailTimeout},
	{context.Canceled, problemUnavailable, detailUnavailable},
}

const (
	detailUnavailable = "the request could not be carried out now; it may be repeated"
	detailNewer       = "this node is of an older version than what is asked for; others may answer, so the request may be repeated"
	detailTimeout     = "the request was not carried out in time; it may be repeated"
	detailInternal    = "the request could not be carried out because of a fault in this system"
)

// problemOf is the problem that err is for the caller.
func problemOf(err error) *problem {
	var is *problem
	var field *domain.FieldError
	var duplicate *domain.DuplicateError
	switch {
	case errors.As(err, &is):
		return is
	case errors.As(err, &field):
		return invalidValue(placeOf(field.Field), field.Field, field.Expected, field.Got)
	case errors.As(err, &duplicate):
		return keyInUse(duplicate)
	}
	for _, k := range errorKinds {
		if !errors.Is(err, k.err) {
			continue
		}
		detail := k.detail
		var named interface{ Cause() string } // what keeps the database from answering
		switch {
		case detail == "":
			detail = strings.TrimPrefix(err.Error(), k.err.Error()+": ")
		case detail == detailUnavailable && errors.As(err, &named):
			detail += ": " + named.Cause()
		}
		return k.kind.because(detail, nil)
	}
	return problemInternal.because(detailInternal, nil)
}

// keyInUse says which field of the request names another order already.
func keyInUse(e *domain.DuplicateError) *problem {
	p := problemKeyInUse.because(e.Error(), members{"order_id": e.OrderID})
	_, kind, key := domain.SplitKey(e.Key)
	field, known := keyFields[kind]
	if known {
		p.detail = fmt.Sprintf("%#q %s was used for order %s, whose content is another", field, key, e.OrderID)
		p.members["in"], p.members["field"] = placeOf(field), field
	}
	return p
}

// keyFields are the fields that reserve a key, by the kind of the key.
var keyFields = map[string]string{domain.KeyTracking: handlers.FieldTrackingID, domain.KeyIdempotency: handlers.FieldIdempotencyKey}

// placeOf says where in the request a field of a new order is.
func placeOf(field string) string {
	if field == handlers.FieldIdempotencyKey {
		return inHeader
	}
	return inBody
}

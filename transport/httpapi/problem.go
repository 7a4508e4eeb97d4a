package httpapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"

	"orderflow/domain"
	"orderflow/domain/stored"
	"orderflow/handlers"
	"orderflow/handlers/operate"
	"orderflow/internal/spelling"
)

// problem is an error that is answered with a problem document (RFC 9457).
type problem struct {
	kind    *problemType
	detail  string      // a sentence that names what was found and what was expected
	members members     // further ones of the document
	header  http.Header // goes with the answer, beside the headers of the type
}

// members are further members of a problem document, such as "field".
type members map[string]any

// because is a problem of the type.
func (t *problemType) because(detail string, m members) *problem {
	return &problem{kind: t, detail: detail, members: m}
}

func (p *problem) Error() string { return p.detail }

// document is the body of the answer: the members of RFC 9457, then the others by name.
func (p *problem) document(instance, correlationID string) []byte {
	further := members{"correlation_id": correlationID}
	maps.Copy(further, p.members)
	// Texts, numbers and lists of them always encode.
	head, _ := stored.Marshal(struct {
		Type     string `json:"type"`
		Title    string `json:"title"`
		Status   int    `json:"status"`
		Detail   string `json:"detail"`
		Instance string `json:"instance"`
	}{p.kind.uri(), p.kind.title, p.kind.status, p.detail, instance})
	more, _ := stored.Marshal(further)
	return bytes.Join([][]byte{head[:len(head)-1], more[1:]}, []byte(","))
}

// The places of a request where a name can be wrong.
const (
	inBody   = "body"
	inQuery  = "query"
	inPath   = "path"
	inHeader = "header"
)

// invalidValue says what field must be, and what it was.
func invalidValue(in, field, expected, got string) *problem {
	return problemInvalidValue.because(fmt.Sprintf("%#q must be %s, got %s", field, expected, got),
		members{"in": in, "field": field, "expected": expected})
}

func repeatedField(in, field string) *problem {
	return problemRepeatedField.because(fmt.Sprintf("%#q is given more than once", domain.Shorten(field)), members{"in": in, "field": field})
}

func unknownField(in, what, given string, allowed []string) *problem {
	field := domain.Shorten(given)
	p := problemUnknownField.because(fmt.Sprintf("unknown %s %#q", what, field), members{"in": in, "field": field, "allowed": append([]string{}, allowed...)})
	if meant, found := spelling.Closest(given, allowed); found {
		p.detail += fmt.Sprintf(": did you mean %#q?", meant)
		p.members["suggestion"] = meant
	} else {
		p.detail += fmt.Sprintf(" (there are: %s)", domain.List(allowed))
	}
	return p
}

func pathNotFound(r *http.Request) *problem {
	return problemPathNotFound.because("there is nothing at "+domain.Shorten(r.URL.EscapedPath()), nil)
}

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
	var node *operate.NoNodeError
	var moved *operate.VersionError
	var stands *operate.StandError
	switch {
	case errors.As(err, &is):
		return is
	case errors.As(err, &field):
		return invalidValue(placeOf(field.Field), field.Field, field.Expected, field.Got)
	case errors.As(err, &duplicate):
		return keyInUse(duplicate)
	case errors.As(err, &moved):
		p := problemVersion.because(fmt.Sprintf("order %s is at version %d, and not at %d", moved.Seen.ID, moved.Version, moved.Seen.Version), members{"order_id": moved.Seen.ID, "version": moved.Version})
		p.header = http.Header{"Etag": {entityTag(moved.Version)}}
		return p
	case errors.As(err, &stands):
		return problemNotAllowed.because(stands.Error(), members{"order_id": stands.OrderID, "order_status": stands.Status, "version": stands.Version})
	case errors.As(err, &node):
		return problemNodeNotFound.because(node.Error(), members{"node": domain.Shorten(node.Node), "nodes": append([]string{}, node.Live...)})
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

package httpapi

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"strings"

	"orderflow/domain"
	"orderflow/domain/stored"
	"orderflow/internal/spelling"
)

// problem is an answer that is not what was asked for (RFC 9457), and the error that leads to it.
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
	p := problemUnknownField.because(fmt.Sprintf("unknown %s %#q", what, field), members{"in": in, "field": field, "allowed": allowed})
	if meant, found := spelling.Closest(given, allowed); found {
		p.detail += fmt.Sprintf(": did you mean %#q?", meant)
		p.members["suggestion"] = meant
	} else {
		p.detail += fmt.Sprintf(" (there are: %s)", strings.Join(allowed, ", "))
	}
	return p
}

func pathNotFound(r *http.Request) *problem {
	return problemPathNotFound.because("there is nothing at "+domain.Shorten(r.URL.EscapedPath()), nil)
}

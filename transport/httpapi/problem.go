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
	detail  string         // a sentence that names what was found and what was expected
	members map[string]any // further members of the document, such as "field"
	header  http.Header    // goes with the answer
}

func (p *problem) Error() string { return p.detail }

// document is the body of the answer: the members of RFC 9457, then the others by name.
func (p *problem) document(instance, correlationID string) []byte {
	members := map[string]any{"correlation_id": correlationID}
	maps.Copy(members, p.members)
	// Texts, numbers and lists of them always encode.
	head, _ := stored.Marshal(struct {
		Type     string `json:"type"`
		Title    string `json:"title"`
		Status   int    `json:"status"`
		Detail   string `json:"detail"`
		Instance string `json:"instance"`
	}{p.kind.uri(), p.kind.title, p.kind.status, p.detail, instance})
	more, _ := stored.Marshal(members)
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
	return &problem{
		kind:    problemInvalidValue,
		detail:  fmt.Sprintf("%#q must be %s, got %s", field, expected, got),
		members: map[string]any{"in": in, "field": field, "expected": expected},
	}
}

func repeatedField(in, field string) *problem {
	return &problem{
		kind:    problemRepeatedField,
		detail:  fmt.Sprintf("%#q is given more than once", domain.Shorten(field)),
		members: map[string]any{"in": in, "field": field},
	}
}

func unknownField(in, what, field string, allowed []string) *problem {
	p := &problem{
		kind:    problemUnknownField,
		detail:  fmt.Sprintf("unknown %s %#q", what, domain.Shorten(field)),
		members: map[string]any{"in": in, "field": domain.Shorten(field), "allowed": allowed},
	}
	if meant, found := spelling.Closest(field, allowed); found {
		p.detail += fmt.Sprintf(": did you mean %#q?", meant)
		p.members["suggestion"] = meant
	} else {
		p.detail += fmt.Sprintf(" (there are: %s)", strings.Join(allowed, ", "))
	}
	return p
}

func pathNotFound(r *http.Request) *problem {
	return &problem{kind: problemPathNotFound, detail: "there is nothing at " + domain.Shorten(r.URL.EscapedPath())}
}

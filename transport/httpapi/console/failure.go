package console

import (
	"cmp"
	"net/http"
)

// Failure is why there is no page.
type Failure struct {
	Status        int
	Title, Detail string
	CorrelationID string
}

// failing is what the page of a failure shows.
type failing struct {
	Failure
	Token  bool   // a token is what it needs
	Again  bool   // the same may succeed later
	Reason string // of the status, in HTTP's words
}

// Fail makes the page of a failure.
func Fail(r *http.Request, f Failure) (Page, error) {
	return page(r, "failure.html", Head{Title: f.Title}, failing{
		Failure: f, Token: f.Status == http.StatusUnauthorized, Again: f.Status >= http.StatusInternalServerError,
		Reason: cmp.Or(http.StatusText(f.Status), "failed"),
	})
}

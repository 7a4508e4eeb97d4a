package operate

import (
	"context"
	"fmt"

	"orderflow/domain"
	"orderflow/domain/work"
)

// How many operations a page has.
const (
	DefaultPage = 50
	MaxPage     = 200
)

// OperationsPage is a part of the log of operations, the newest in front.
type OperationsPage struct {
	Operations []work.Operation `json:"operations"`
	// NextCursor is the cursor of the next page; left out on the last one.
	NextCursor string `json:"next_cursor,omitempty"`
}

// Log gives a page of the log of operations: the first, or the one that the page before names. The error is a
// *domain.FieldError for what no page has.
func (l Levers) Log(ctx context.Context, limit int, cursor string) (page OperationsPage, err error) {
	if limit < 1 || limit > MaxPage {
		return page, &domain.FieldError{Field: "limit", Expected: fmt.Sprintf("a whole number from 1 to %d", MaxPage), Got: fmt.Sprint(limit)}
	}
	var before work.OperationID
	if cursor != "" && before.UnmarshalText([]byte(cursor)) != nil {
		return page, &domain.FieldError{Field: "cursor", Expected: "the next_cursor of a page before", Got: fmt.Sprintf("%q", domain.Shorten(cursor))}
	}
	if page.Operations, err = l.Operations.List(ctx, limit+1, before); err != nil { // one more says whether there are more
		return page, err
	}
	if len(page.Operations) > limit {
		page.Operations = page.Operations[:limit]
		page.NextCursor = page.Operations[limit-1].ID.String()
	}
	return page, nil
}

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
	before, err := pageBefore(limit, cursor)
	if err != nil {
		return page, err
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

// pageBefore is the id before which a page begins. The error is a *domain.FieldError.
func pageBefore(limit int, cursor string) (before work.OperationID, err error) {
	if limit < 1 || limit > MaxPage {
		return before, &domain.FieldError{Field: "limit", Expected: fmt.Sprintf("a whole number from 1 to %d", MaxPage), Got: fmt.Sprint(limit)}
	}
	if cursor != "" && before.UnmarshalText([]byte(cursor)) != nil {
		return before, &domain.FieldError{Field: "cursor", Expected: "the next_cursor of a page before", Got: fmt.Sprintf("%q", domain.Shorten(cursor))}
	}
	return before, nil
}

package domain

import (
	"fmt"
	"strings"
)

// FieldError says that a field of a request is not what it must be. It is of kind ErrInvalid.
type FieldError struct {
	Field    string // as its sender writes it: "tracking_id"
	Expected string // "a string of 1 to 200 bytes"
	Got      string // "201 bytes"
}

func (e *FieldError) Error() string {
	return fmt.Sprintf("%v: %#q must be %s, got %s", ErrInvalid, e.Field, e.Expected, e.Got)
}

// Is makes a FieldError an ErrInvalid.
func (e *FieldError) Is(target error) bool { return target == ErrInvalid }

// Shorten keeps a sender's text readable in an error: it gives 64 bytes of it at most.
func Shorten(s string) string {
	const most = 64
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}

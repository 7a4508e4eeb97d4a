package operate

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"orderflow/domain"
	"orderflow/domain/work"
)

// By is who pulls a lever, and why.
type By struct {
	Actor  string // "operator" or "operator:NAME"
	Reason string
	// About is what else is known of the caller, by name, such as the user who ran the command.
	About map[string]string
}

// The most bytes that a reason and an actor may have.
const (
	MaxReason = 1000
	maxActor  = 256
)

// Check refuses a reason that says nothing or is too long. The error is a *domain.FieldError.
func (by By) Check() error {
	for _, f := range []struct {
		field, value string
		most         int
	}{{"reason", by.Reason, MaxReason}, {"actor", by.Actor, maxActor}} {
		got := fmt.Sprintf("%d bytes", len(f.value))
		switch {
		case !utf8.ValidString(f.value):
			got = "other bytes"
		case strings.TrimSpace(f.value) == "":
			got = "nothing"
		case len(f.value) <= f.most:
			continue
		}
		return &domain.FieldError{Field: f.field, Expected: fmt.Sprintf("text in UTF-8 of 1 to %d bytes", f.most), Got: got}
	}
	return nil
}

// Operation is what the log has of something that By did now.
func (by By) Operation(action, subject, result string) (work.Operation, error) {
	if err := by.Check(); err != nil {
		return work.Operation{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return work.Operation{}, err
	}
	details := []byte(`{}`)
	if len(by.About) > 0 {
		details, err = json.Marshal(by.About)
	}
	return work.Operation{
		ID: work.OperationID(id), At: time.Now().UTC().Truncate(time.Microsecond), Actor: by.Actor, Action: action, Subject: subject,
		Reason: by.Reason, Details: details, Result: result,
	}, err
}

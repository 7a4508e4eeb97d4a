package operate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
)

// The kinds of job.
const (
	JobRequeueLetters = "deadletters.requeue"
	JobDiscardLetters = "deadletters.discard"
	JobCancelOrders   = "orders.cancel"
	JobRetryOrders    = "orders.retry"
)

// JobKinds lists the kinds of job.
func JobKinds() []string {
	return []string{JobRequeueLetters, JobDiscardLetters, JobCancelOrders, JobRetryOrders}
}

// LetterFilter says which dead letters are meant. A field that is not given lets all through; several must all hold.
// Of several values of a field one must hold.
type LetterFilter struct {
	Topics       []string  `json:"topic,omitempty"`
	Nodes        []string  `json:"node,omitempty"`            // one had the latest attempt of the letter's order, as lists have it
	Customer     string    `json:"customer,omitempty"`        // who placed the letter's order
	Reason       string    `json:"reason_contains,omitempty"` // is a part of the letter's reason, as it is written
	ParkedAfter  time.Time `json:"parked_after,omitzero"`
	ParkedBefore time.Time `json:"parked_before,omitzero"`
}

// Check refuses topics that there are not. The error is a *domain.FieldError.
func (f LetterFilter) Check() error {
	for _, topic := range f.Topics {
		if !slices.Contains(work.Topics(), topic) {
			return &domain.FieldError{Field: "topic", Expected: "one of " + strings.Join(work.Topics(), ", "), Got: fmt.Sprintf("%q", domain.Shorten(topic))}
		}
	}
	return nil
}

// OrderFilter says which orders are meant, as the list of orders does.
type OrderFilter struct {
	Status       []domain.Status `json:"status,omitempty"`
	Step         []domain.Step   `json:"step,omitempty"`
	Node         []string        `json:"node,omitempty"`
	PlacedAfter  time.Time       `json:"placed_after,omitzero"`
	PlacedBefore time.Time       `json:"placed_before,omitzero"`
	TrackingID   string          `json:"tracking_id,omitempty"`
	Customer     *string         `json:"customer,omitempty"`
}

// Check refuses what no order has. The error is of kind domain.ErrInvalid.
func (f OrderFilter) Check() error {
	var all []error
	for _, s := range f.Status {
		_, err := domain.ParseStatus(string(s))
		all = append(all, err)
	}
	for _, s := range f.Step {
		_, err := domain.ParseStep(string(s))
		all = append(all, err)
	}
	return errors.Join(all...)
}

// FilterFields are the fields of the filter of a kind of job; none if there is no such kind.
func FilterFields(kind string) (names []string) {
	var filter reflect.Type
	switch kind {
	case JobRequeueLetters, JobDiscardLetters:
		filter = reflect.TypeFor[LetterFilter]()
	case JobCancelOrders, JobRetryOrders:
		filter = reflect.TypeFor[OrderFilter]()
	default:
		return nil
	}
	for i := range filter.NumField() {
		name, _, _ := strings.Cut(filter.Field(i).Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

// ReadFilter reads the filter of a job, one object with known members.
func ReadFilter[T LetterFilter | OrderFilter](text json.RawMessage) (f T, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	err = d.Decode(&f)
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) && wrong.Field != "" {
		return f, fmt.Errorf("%w: the filter: %#q must not be of the kind %s", domain.ErrInvalid, wrong.Field, wrong.Value)
	}
	if err != nil {
		return f, fmt.Errorf("%w: the filter: %s", domain.ErrInvalid, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return f, fmt.Errorf("%w: the filter: there is more after its end", domain.ErrInvalid)
	}
	return f, nil
}

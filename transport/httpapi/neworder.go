package httpapi

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"orderflow/domain"
)

const headerIdempotencyKey = "Idempotency-Key"

// checked gives the order as it is stored, or a *RequestError.
func (o NewOrder) checked() (NewOrder, error) {
	if o.TrackingID != "" {
		if err := checkTrackingID(o.TrackingID); err != nil {
			return o, err
		}
	}
	if o.IdempotencyKey != "" {
		if err := checkIdempotencyKey(o.IdempotencyKey); err != nil {
			return o, err
		}
	}
	if err := checkCustomer(o.Customer); err != nil {
		return o, err
	}
	if !o.decoded {
		detail, err := checkedDetail(o.Detail)
		if err != nil {
			return o, err
		}
		o.Detail = detail
	}
	if o.Actor == "" {
		o.Actor = string(RoleCustomer)
	}
	if o.CorrelationID == "" {
		o.CorrelationID = uuid.NewString()
	}
	return o, nil
}

// checkTrackingID asks for text that can be shown, searched for and stored without
// two ids becoming one: databases drop trailing space, and JSON's lone surrogates all
// read as U+FFFD.
func checkTrackingID(id string) error {
	expected := fmt.Sprintf("a string of 1 to %d bytes", MaxTrackingID)
	switch {
	case id == "":
		return invalidValue(inBody, fieldTrackingID, expected+" (or null, or left out)", "an empty string")
	case len(id) > MaxTrackingID:
		return invalidValue(inBody, fieldTrackingID, expected, fmt.Sprintf("%d bytes", len(id)))
	case !utf8.ValidString(id) || strings.ContainsRune(id, utf8.RuneError):
		return invalidValue(inBody, fieldTrackingID, "text in Unicode", "a lone surrogate, U+FFFD or bytes that are not UTF-8")
	case strings.ContainsFunc(id, unicode.IsControl):
		return invalidValue(inBody, fieldTrackingID, "text without control characters", fmt.Sprintf("%q", shorten(id)))
	case strings.TrimSpace(id) != id:
		return invalidValue(inBody, fieldTrackingID, "text without white space at its ends", fmt.Sprintf("%q", shorten(id)))
	}
	return nil
}

// checkCustomer asks for a name that can be told from others in every database. It does not come
// from the request, so that an error is not the caller's.
func checkCustomer(name string) error {
	if len(name) > domain.MaxCustomer || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) || strings.TrimSpace(name) != name {
		return fmt.Errorf("%w: %.140q is no name of a customer: at most %d bytes of text without control characters and white space at its ends",
			domain.ErrInvalid, name, domain.MaxCustomer)
	}
	return nil
}

// checkIdempotencyKey asks for what every client and proxy carries unchanged.
func checkIdempotencyKey(key string) error {
	expected := fmt.Sprintf("1 to %d bytes of printable ASCII", MaxIdempotencyKey)
	switch {
	case key == "":
		return invalidValue(inHeader, headerIdempotencyKey, expected, "an empty one")
	case len(key) > MaxIdempotencyKey:
		return invalidValue(inHeader, headerIdempotencyKey, expected, fmt.Sprintf("%d bytes", len(key)))
	case strings.ContainsFunc(key, func(c rune) bool { return c < ' ' || c > '~' }):
		return invalidValue(inHeader, headerIdempotencyKey, expected, "other characters")
	}
	return nil
}

// checkedDetail gives the detail compacted; nothing for null.
func checkedDetail(detail json.RawMessage) (json.RawMessage, error) {
	if len(detail) == 0 {
		return nil, nil
	}
	if len(detail) > MaxBody {
		return nil, invalidValue(inBody, fieldDetail, fmt.Sprintf("at most %d bytes of JSON", MaxBody), fmt.Sprintf("%d bytes", len(detail)))
	}
	if depth(detail) > MaxDepth {
		return nil, tooDeep("`"+fieldDetail+"`", MaxDepth)
	}
	if at := invalidUTF8(detail); at >= 0 {
		return nil, invalidValue(inBody, fieldDetail, "JSON in UTF-8", fmt.Sprintf("other bytes at offset %d", at))
	}
	if !json.Valid(detail) {
		err := json.Unmarshal(detail, &struct{}{})
		return nil, invalidValue(inBody, fieldDetail, "JSON", fmt.Sprint("this: ", err))
	}
	if !isCompact(detail) {
		detail = appendCompact(make([]byte, 0, len(detail)), detail)
	}
	if isNull(detail) {
		return nil, nil
	}
	return detail, nil
}

package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"orderflow/handlers"
	"orderflow/internal/jsontext"
)

// placeFields are the fields of an order as a customer writes it.
var placeFields = []string{handlers.FieldTrackingID, handlers.FieldDetail}

// decodeOrder reads the body of a POST of an order. Errors are *problem, and
// name the field and what was expected, or the position and what was found. The order's
// detail takes the place of the body, which is not to be used afterwards.
func decodeOrder(body []byte) (o handlers.NewOrder, err error) {
	if err := checkText(body); err != nil {
		return o, err
	}
	fields, err := decodeObject(body, placeFields)
	if err != nil {
		return o, err
	}
	if raw, given := fields[handlers.FieldTrackingID]; given && string(raw) != "null" {
		if o.TrackingID, err = decodeTrackingID(raw); err != nil {
			return o, err
		}
	}
	if raw, given := fields[handlers.FieldDetail]; given && string(raw) != "null" {
		o.Detail, o.Compact = raw, true
	}
	return o, nil
}

func decodeTrackingID(raw json.RawMessage) (id string, err error) {
	if kind := jsontext.Kind(raw); kind != "string" {
		return "", invalidValue(inBody, handlers.FieldTrackingID, "a string", kind)
	}
	if err = json.Unmarshal(raw, &id); err == nil && id == "" {
		expected := fmt.Sprintf("a string of 1 to %d bytes (or null, or left out)", handlers.MaxTrackingID)
		err = invalidValue(inBody, handlers.FieldTrackingID, expected, "an empty string")
	}
	return id, err
}

// checkText refuses what is wrong before any JSON is read: emptiness, text that is
// not UTF-8, and nesting without bound.
func checkText(body []byte) error {
	switch {
	case len(bytes.Trim(body, " \t\r\n")) == 0:
		return problemMalformedJSON.because("the body is empty: expected a JSON object", nil)
	case bytes.HasPrefix(body, []byte("\xef\xbb\xbf")):
		return malformed(body, 0, "it begins with a byte order mark, which JSON has not")
	}
	if at := jsontext.InvalidUTF8(body); at >= 0 {
		return malformed(body, at, "this is not UTF-8")
	}
	if limit := handlers.MaxDepth + 1; jsontext.Depth(body) > limit {
		return problemTooDeep.because(fmt.Sprintf("the body is nested more than %d levels deep", limit), members{"limit": limit})
	}
	return nil
}

// decodeObject reads one JSON object and nothing else, whose names must be among
// those known, each at most once, exactly as written. The values are compact and take the place of body.
func decodeObject(body []byte, known []string) (map[string]json.RawMessage, error) {
	if err := checkJSON(body); err != nil {
		return nil, err
	}
	body = jsontext.Compact(body)
	if kind := jsontext.Kind(body); kind != "object" {
		return nil, problemInvalidValue.because("the body must be a JSON object, got "+kind, members{"in": inBody, "expected": "a JSON object"})
	}
	fields := map[string]json.RawMessage{}
	for name, value := range jsontext.Members(body) {
		if err := addField(fields, known, name, value); err != nil {
			return nil, err
		}
	}
	return fields, nil
}

func addField(fields map[string]json.RawMessage, known []string, quoted, value []byte) error {
	var name string
	if err := json.Unmarshal(quoted, &name); err != nil {
		return err
	}
	if !slices.Contains(known, name) {
		return unknownField(inBody, "field", name, known)
	}
	if _, again := fields[name]; again {
		return repeatedField(inBody, name)
	}
	fields[name] = value
	return nil
}

// checkJSON says where body is not one JSON value. It copies nothing that is large.
func checkJSON(body []byte) error {
	if json.Valid(body) {
		return nil
	}
	// A byte that stands nowhere in JSON tells an early end from a wrong last byte.
	err := json.Unmarshal(append(body, 0), &struct{}{})
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		return err
	}
	switch at := int(syntax.Offset) - 1; {
	case at >= len(body):
		return malformed(body, len(body), "it ends too early")
	case json.Valid(body[:at]):
		return malformed(body, at, "there is more after the end of the JSON value")
	default:
		return malformed(body, at, syntax.Error())
	}
}

// malformed says what is wrong at a byte of the body, and where that is for people:
// line and column, in characters, from 1.
func malformed(body []byte, at int, what string) *problem {
	at = min(max(at, 0), len(body))
	line := 1 + bytes.Count(body[:at], []byte("\n"))
	column := 1 + utf8.RuneCount(body[bytes.LastIndexByte(body[:at], '\n')+1:at])
	return problemMalformedJSON.because(fmt.Sprintf("the body is not valid JSON at line %d, column %d: %s", line, column, what),
		members{"line": line, "column": column, "offset": at})
}

package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"
)

const (
	fieldTrackingID = "tracking_id"
	fieldDetail     = "detail"
)

// placeFields are the fields of an order as a customer writes it.
var placeFields = []string{fieldTrackingID, fieldDetail}

// decodeOrder reads the body of a POST of an order. Errors are *RequestError, and
// name the field and what was expected, or the position and what was found.
func decodeOrder(body []byte) (NewOrder, error) {
	if err := checkText(body); err != nil {
		return NewOrder{}, err
	}
	fields, err := decodeObject(body, placeFields)
	if err != nil {
		return NewOrder{}, err
	}
	var o NewOrder
	if raw, given := fields[fieldTrackingID]; given && !isNull(raw) {
		if o.TrackingID, err = decodeString(fieldTrackingID, raw); err != nil {
			return NewOrder{}, err
		}
		if err := checkTrackingID(o.TrackingID); err != nil {
			return NewOrder{}, err
		}
	}
	if raw, given := fields[fieldDetail]; given && !isNull(raw) {
		o.Detail = raw
	}
	return o, nil
}

// checkText refuses what is wrong before any JSON is read: emptiness, text that is
// not UTF-8, and nesting without bound.
func checkText(body []byte) error {
	switch {
	case len(bytes.TrimLeft(body, jsonSpace)) == 0:
		return &RequestError{Problem: problemMalformedJSON, Detail: "the body is empty: expected a JSON object"}
	case bytes.HasPrefix(body, []byte("\xef\xbb\xbf")):
		return malformed(body, 0, "it begins with a byte order mark, which JSON has not")
	}
	if at := invalidUTF8(body); at >= 0 {
		return malformed(body, at, "this is not UTF-8")
	}
	if depth(body) > MaxDepth+1 {
		return tooDeep("the body", MaxDepth+1)
	}
	return nil
}

const jsonSpace = " \t\r\n"

// decodeObject reads one JSON object and nothing else, whose names must be among
// those known, each at most once, exactly as written.
func decodeObject(body []byte, known []string) (map[string]json.RawMessage, error) {
	value, err := decodeValue(body)
	if err != nil {
		return nil, err
	}
	if kind := kindOf(value); kind != "object" {
		return nil, &RequestError{
			Problem: problemInvalidValue,
			Detail:  "the body must be a JSON object, got " + kind,
			Members: map[string]any{"in": inBody, "expected": "a JSON object"},
		}
	}
	fields := map[string]json.RawMessage{}
	d := json.NewDecoder(bytes.NewReader(value))
	if _, err := d.Token(); err != nil { // the opening brace
		return nil, err
	}
	for d.More() {
		if err := decodeField(d, known, fields); err != nil {
			return nil, err
		}
	}
	return fields, nil
}

func decodeField(d *json.Decoder, known []string, fields map[string]json.RawMessage) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	name := token.(string) // an object's names are strings, and the object is well-formed
	if !slices.Contains(known, name) {
		return unknownField(inBody, "field", name, known)
	}
	if _, again := fields[name]; again {
		return repeatedField(inBody, name)
	}
	var raw json.RawMessage
	if err := d.Decode(&raw); err != nil {
		return err
	}
	fields[name] = raw
	return nil
}

// decodeValue gives the one JSON value that body is, or says where it is not.
func decodeValue(body []byte) (json.RawMessage, error) {
	var value json.RawMessage
	d := json.NewDecoder(bytes.NewReader(body))
	err := d.Decode(&value)
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return nil, malformed(body, int(syntax.Offset)-1, syntax.Error())
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, malformed(body, len(body), "it ends too early")
	case err != nil:
		return nil, err
	}
	end := int(d.InputOffset())
	if rest := bytes.TrimLeft(body[end:], jsonSpace); len(rest) > 0 {
		return nil, malformed(body, len(body)-len(rest), "there is more after the end of the JSON value")
	}
	return value, nil
}

func decodeString(field string, raw json.RawMessage) (string, error) {
	if kind := kindOf(raw); kind != "string" {
		return "", invalidValue(inBody, field, "a string", kind)
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err
}

// malformed says what is wrong at a byte of the body, and where that is for people:
// line and column, in characters, from 1.
func malformed(body []byte, at int, what string) *RequestError {
	at = min(max(at, 0), len(body))
	line := 1 + bytes.Count(body[:at], []byte("\n"))
	column := 1 + utf8.RuneCount(body[bytes.LastIndexByte(body[:at], '\n')+1:at])
	return &RequestError{
		Problem: problemMalformedJSON,
		Detail:  fmt.Sprintf("the body is not valid JSON at line %d, column %d: %s", line, column, what),
		Members: map[string]any{"line": line, "column": column, "offset": at},
	}
}

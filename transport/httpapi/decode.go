package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
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
// name the field and what was expected, or the position and what was found. The order's
// detail takes the place of the body, which is not to be used afterwards.
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
		o.Detail, o.decoded = appendCompact(raw[:0], raw), true
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
// those known, each at most once, exactly as written. The values are parts of body.
func decodeObject(body []byte, known []string) (map[string]json.RawMessage, error) {
	if err := checkJSON(body); err != nil {
		return nil, err
	}
	text := skipSpace(body)
	if kind := kindOf(text); kind != "object" {
		return nil, &RequestError{
			Problem: problemInvalidValue,
			Detail:  "the body must be a JSON object, got " + kind,
			Members: map[string]any{"in": inBody, "expected": "a JSON object"},
		}
	}
	fields := map[string]json.RawMessage{}
	for text = skipSpace(text[1:]); text[0] != '}'; {
		name, value, rest := member(text)
		if err := addField(fields, known, name, value); err != nil {
			return nil, err
		}
		if text = skipSpace(rest); text[0] == ',' {
			text = skipSpace(text[1:])
		}
	}
	return fields, nil
}

// member cuts the first member off the members of a well-formed object.
func member(text []byte) (name, value, rest []byte) {
	end := lengthOf(text)
	name, rest = text[:end], skipSpace(text[end:])
	rest = skipSpace(rest[1:]) // the colon
	end = lengthOf(rest)
	return name, rest[:end], rest[end:]
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

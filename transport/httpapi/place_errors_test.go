package httpapi_test

import (
	"fmt"
	"strings"
	"testing"

	"orderflow/handlers"
	"orderflow/transport/httpapi"
)

const (
	titleMalformed = "The body is not one well-formed JSON object"
	titleInvalid   = "A value is not what it must be"
	titleUnknown   = "A field or parameter is unknown"
	titleRepeated  = "A field, parameter or header is given twice"
	titleMediaType = "The body is of the wrong type"
)

// malformed is the problem of a body that is no JSON.
func malformed(line, column, offset int, what string) problem {
	return problem{
		"malformed-json", titleMalformed, 400, fmt.Sprintf("the body is not valid JSON at line %d, column %d: %s", line, column, what),
		map[string]any{"line": line, "column": column, "offset": offset},
	}
}

// invalid is the problem of a value that is not what it must be.
func invalid(in, field, expected, got string) problem {
	return problem{
		"invalid-value", titleInvalid, 400, fmt.Sprintf("%#q must be %s, got %s", field, expected, got),
		map[string]any{"in": in, "field": field, "expected": expected},
	}
}

func notAnObject(got string) problem {
	return problem{
		"invalid-value", titleInvalid, 400, "the body must be a JSON object, got " + got,
		map[string]any{"in": "body", "expected": "a JSON object"},
	}
}

func unknown(in, what, name, rest string, members map[string]any) problem {
	all := map[string]any{"in": in, "field": name}
	for k, v := range members {
		all[k] = v
	}
	return problem{"unknown-field", titleUnknown, 400, "unknown " + what + " `" + name + "`" + rest, all}
}

func repeated(in, name string) problem {
	return problem{"repeated-field", titleRepeated, 400, "`" + name + "` is given more than once", map[string]any{"in": in, "field": name}}
}

func mediaType(detail string) problem {
	return problem{"unsupported-media-type", titleMediaType, 415, detail, nil}
}

var (
	placeFields = []string{"tracking_id", "detail"}
	noMeant     = map[string]any{"allowed": placeFields}
	thereAre    = " (there are: tracking_id, detail)"
)

func meant(name string) map[string]any {
	return map[string]any{"allowed": placeFields, "suggestion": name}
}

func tooDeep(levels int) problem {
	return problem{
		"too-deep", "The JSON is nested too deeply", 400,
		fmt.Sprintf("the body is nested more than %d levels deep", levels), map[string]any{"limit": levels},
	}
}

func TestAPI_place_body(t *testing.T) {
	empty := problem{"malformed-json", titleMalformed, 400, "the body is empty: expected a JSON object", nil}
	wrongID := func(expected, got string) problem { return invalid("body", "tracking_id", expected, got) }
	const ends, length = "text without white space at its ends", "a string of 1 to 200 bytes"
	for name, c := range map[string]struct {
		body string
		want problem
	}{
		"empty":             {"", empty},
		"blank":             {" \n ", empty},
		"cut off":           {`{"detail": [1,`, malformed(1, 15, 14, "it ends too early")},
		"cut off in text":   {`{"detail": "ab`, malformed(1, 15, 14, "it ends too early")},
		"trailing comma":    {"{\"tracking_id\": \"A\",\n }", malformed(2, 2, 22, "invalid character '}' looking for beginning of object key string")},
		"single quotes":     {`{'detail': 1}`, malformed(1, 2, 1, `invalid character '\'' looking for beginning of object key string`)},
		"after wide text":   {"{\"detail\": \"żó😀\" x}", malformed(1, 18, 22, "invalid character 'x' after object key:value pair")},
		"NaN":               {`{"detail": NaN}`, malformed(1, 12, 11, "invalid character 'N' looking for beginning of value")},
		"leading zero":      {`{"detail": 01}`, malformed(1, 13, 12, "invalid character '1' after object key:value pair")},
		"control in text":   {"{\"detail\": \"a\nb\"}", malformed(1, 14, 13, `invalid character '\n' in string literal`)},
		"comment":           {"{} // done", malformed(1, 4, 3, "there is more after the end of the JSON value")},
		"two objects":       {"{}\n{}", malformed(2, 1, 3, "there is more after the end of the JSON value")},
		"byte order mark":   {"\xef\xbb\xbf{}", malformed(1, 1, 0, "it begins with a byte order mark, which JSON has not")},
		"not UTF-8":         {"{\"detail\": \"a\xffb\"}", malformed(1, 14, 13, "this is not UTF-8")},
		"Latin-1":           {"{\"detail\":\n\"caf\xe9\"}", malformed(2, 5, 15, "this is not UTF-8")},
		"UTF-16":            {"\xff\xfe{\x00}\x00", malformed(1, 1, 0, "this is not UTF-8")},
		"surrogate bytes":   {"{\"detail\": \"\xed\xa0\x80\"}", malformed(1, 13, 12, "this is not UTF-8")},
		"array":             {`[]`, notAnObject("array")},
		"text":              {`"x"`, notAnObject("string")},
		"number":            {`12`, notAnObject("number")},
		"boolean":           {`true`, notAnObject("boolean")},
		"null":              {`null`, notAnObject("null")},
		"too deep":          {`{"detail":` + deep(handlers.MaxDepth+1) + `}`, tooDeep(101)},
		"very deep":         {`{"detail":` + strings.Repeat("[", 500_000), tooDeep(101)},
		"unknown":           {`{"price": 1}`, unknown("body", "field", "price", thereAre, noMeant)},
		"misspelled":        {`{"detial": 1}`, unknown("body", "field", "detial", ": did you mean `detail`?", meant("detail"))},
		"other case":        {`{"Tracking_ID": "A"}`, unknown("body", "field", "Tracking_ID", ": did you mean `tracking_id`?", meant("tracking_id"))},
		"other style":       {`{"trackingId": "A"}`, unknown("body", "field", "trackingId", ": did you mean `tracking_id`?", meant("tracking_id"))},
		"nameless":          {`{"": 1}`, unknown("body", "field", "", thereAre, noMeant)},
		"long name":         {`{"` + strings.Repeat("ż", 99) + `": 1}`, unknown("body", "field", strings.Repeat("ż", 32)+"...", thereAre, noMeant)},
		"twice":             {`{"detail": 1, "detail": 1}`, repeated("body", "detail")},
		"twice, escaped":    {`{"tracking_id": "A", "tracking\u005fid": "B"}`, repeated("body", "tracking_id")},
		"id a number":       {`{"tracking_id": 12}`, wrongID("a string", "number")},
		"id a boolean":      {`{"tracking_id": false}`, wrongID("a string", "boolean")},
		"id an array":       {`{"tracking_id": ["A"]}`, wrongID("a string", "array")},
		"id an object":      {`{"tracking_id": {}}`, wrongID("a string", "object")},
		"id empty":          {`{"tracking_id": ""}`, wrongID(length+" (or null, or left out)", "an empty string")},
		"id too long":       {`{"tracking_id": "` + strings.Repeat("x", 201) + `"}`, wrongID(length, "201 bytes")},
		"id too many bytes": {`{"tracking_id": "` + strings.Repeat("ż", 101) + `"}`, wrongID(length, "202 bytes")},
		"id with controls":  {`{"tracking_id": "a\u0000"}`, wrongID("text without control characters", `"a\x00"`)},
		"id with new line":  {`{"tracking_id": "a\n"}`, wrongID("text without control characters", `"a\n"`)},
		"id ends blank":     {`{"tracking_id": "a "}`, wrongID(ends, `"a "`)},
		"id begins blank":   {`{"tracking_id": "\u2003a"}`, wrongID(ends, `"\u2003a"`)},
		"id lone surrogate": {`{"tracking_id": "\ud800"}`, wrongID("text in Unicode", "a lone surrogate, U+FFFD or bytes that are not UTF-8")},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig()
			wantProblem(t, do(t, r, post(c.body)), orders, c.want)
			if len(r.store.appended) != 0 {
				t.Error("it was placed")
			}
		})
	}
}

func TestAPI_place_request(t *testing.T) {
	keyMust := "1 to 200 bytes of printable ASCII"
	tooLarge := problem{"body-too-large", "The body is too large", 413, "the body has more than the 1048576 bytes allowed", map[string]any{"limit": 1 << 20}}
	for name, c := range map[string]struct {
		request request
		want    problem
	}{
		"no type":            {post(`{}`).with("Content-Type", ""), mediaType("Content-Type is missing: expected application/json")},
		"form":               {post(`{}`).with("Content-Type", "application/x-www-form-urlencoded"), mediaType("Content-Type must be application/json, got application/x-www-form-urlencoded")},
		"text":               {post(`{}`).with("Content-Type", "text/plain"), mediaType("Content-Type must be application/json, got text/plain")},
		"malformed type":     {post(`{}`).with("Content-Type", "application/json; ="), mediaType("Content-Type must be application/json, got application/json; =")},
		"other charset":      {post(`{}`).with("Content-Type", "application/json; charset=latin1"), mediaType("the charset of application/json must be utf-8, got latin1")},
		"compressed":         {post(`{}`).with("Content-Encoding", "gzip"), mediaType("the body must not be compressed, got Content-Encoding gzip")},
		"body too large":     {post(sized(httpapi.MaxBody + 1)), tooLarge},
		"chunked, too large": {request{method: "POST", path: orders, body: sized(httpapi.MaxBody + 1), chunked: true}, tooLarge},
		"key too long":       {post(`{}`).with("Idempotency-Key", strings.Repeat("k", 201)), invalid("header", "Idempotency-Key", keyMust, "201 bytes")},
		"key not ASCII":      {post(`{}`).with("Idempotency-Key", "ż"), invalid("header", "Idempotency-Key", keyMust, "other characters")},
		"key with a tab":     {post(`{}`).with("Idempotency-Key", "a\tb"), invalid("header", "Idempotency-Key", keyMust, "other characters")},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig()
			w := do(t, r, c.request)
			wantProblem(t, w, orders, c.want)
			switch c.want.status {
			case 413:
				wantHeader(t, w, "Connection", "close")
			case 415:
				wantHeader(t, w, "Accept", "application/json")
				wantHeader(t, w, "Accept-Encoding", "identity")
			}
			if len(r.store.appended) != 0 {
				t.Error("it was placed")
			}
		})
	}
}

package httpapi

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// kindOf names the kind of a well-formed JSON value by its first byte.
func kindOf(value json.RawMessage) string {
	switch value[0] {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	}
	return "number"
}

func isNull(value json.RawMessage) bool { return string(value) == "null" }

// compact drops the white space between tokens of well-formed JSON and changes
// nothing else: numbers keep their digits, strings their escapes.
func compact(value json.RawMessage) (json.RawMessage, error) {
	var b bytes.Buffer
	b.Grow(len(value))
	err := json.Compact(&b, value)
	return b.Bytes(), err
}

// depth is how deep arrays and objects nest at most, in text that need not be
// well-formed.
func depth(text []byte) int {
	level, deepest, quoted := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++ // whatever is escaped does not end the string
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			level++
			deepest = max(deepest, level)
		case c == '}' || c == ']':
			level--
		}
	}
	return deepest
}

// invalidUTF8 is the index of the first byte that is not UTF-8, or -1.
func invalidUTF8(text []byte) int {
	if utf8.Valid(text) {
		return -1
	}
	for i := 0; ; {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size <= 1 {
			return i
		}
		i += size
	}
}

package jsontext

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// Kind names the kind of a well-formed JSON value by its first byte.
func Kind(value json.RawMessage) string {
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

// IsNull says whether a value is null.
func IsNull(value json.RawMessage) bool { return string(value) == "null" }

// AppendCompact appends well-formed JSON without the white space between its tokens, and
// changes nothing else: numbers keep their digits, strings their escapes. b may be the
// beginning of value.
func AppendCompact(b, value []byte) []byte {
	for i := 0; i < len(value); {
		n := 1
		switch c := value[i]; {
		case c == '"':
			n = stringLength(value[i:])
			b = append(b, value[i:i+n]...)
		case !isSpace(c):
			b = append(b, c)
		}
		i += n
	}
	return b
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// SkipSpace is text without the white space at its beginning.
func SkipSpace(text []byte) []byte { return bytes.TrimLeft(text, space) }

const space = " \t\r\n"

// Length is the length of the value at the beginning of text, which is well-formed up to the
// value's end, and after that has a comma, a colon, a bracket or white space, or nothing.
func Length(text []byte) int {
	switch text[0] {
	case '"':
		return stringLength(text)
	case '{', '[':
		return nestedLength(text)
	}
	if end := bytes.IndexAny(text, ",:]}"+space); end >= 0 { // of a number or a word
		return end
	}
	return len(text)
}

// stringLength is the length of the string at the beginning of text.
func stringLength(text []byte) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++ // whatever is escaped does not end the string
		case '"':
			return i + 1
		}
	}
	return len(text)
}

// nestedLength is the length of the array or object at the beginning of text.
func nestedLength(text []byte) int {
	level := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			i += stringLength(text[i:]) - 1
		case '{', '[':
			level++
		case '}', ']':
			if level--; level == 0 {
				return i + 1
			}
		}
	}
	return len(text)
}

// Depth is how deep arrays and objects nest at most, in text that need not be
// well-formed.
func Depth(text []byte) int {
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

// InvalidUTF8 is the index of the first byte that is not UTF-8, or -1.
func InvalidUTF8(text []byte) int {
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

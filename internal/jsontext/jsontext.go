package jsontext

import (
	"cmp"
	"iter"
	"unicode/utf8"
)

// kinds are the kinds of values, by their first byte; a number has others.
var kinds = map[byte]string{'{': "object", '[': "array", '"': "string", 't': "boolean", 'f': "boolean", 'n': "null"}

// Kind names the kind of a compact value.
func Kind(value []byte) string { return cmp.Or(kinds[value[0]], "number") }

// Compact drops the white space between the tokens of a well-formed value, and
// changes nothing else: numbers keep their digits, strings their escapes. The result takes the
// place of value.
func Compact(value []byte) []byte {
	b := value[:0]
	for i := 0; i < len(value); {
		n := 1
		switch c := value[i]; c {
		case '"':
			n = stringLength(value[i:])
			b = append(b, value[i:i+n]...)
		case ' ', '\t', '\r', '\n':
		default:
			b = append(b, c)
		}
		i += n
	}
	return b
}

// Members gives each name, in its quotes, and each value of a compact object. They are parts of it.
func Members(object []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		for rest := object[1:]; len(rest) > 1; {
			end := length(rest)
			name, value := rest[:end], rest[end+1:]
			end = length(value)
			if !yield(name, value[:end]) {
				return
			}
			rest = value[end+1:]
		}
	}
}

// length is the length of the compact value at the beginning of text. A comma, a colon or a closing
// bracket comes after it.
func length(text []byte) int {
	level := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			i += stringLength(text[i:]) - 1
		case '{', '[':
			level++
		case '}', ']':
			level--
		case ',', ':':
			if level == 0 {
				return i
			}
		}
		if level < 0 {
			return i
		}
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

// Depth is how deep arrays and objects nest at most, in text that need not be
// well-formed.
func Depth(text []byte) int {
	level, deepest := 0, 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			i += stringLength(text[i:]) - 1
		case '{', '[':
			level++
			deepest = max(deepest, level)
		case '}', ']':
			level--
		}
	}
	return deepest
}

// InvalidUTF8 is the index of the first byte that is not UTF-8, or -1. The text may be anything.
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

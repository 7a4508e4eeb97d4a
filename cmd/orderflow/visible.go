package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"
)

// visible is text that says on a terminal what it holds: control characters, which may move the
// cursor or give orders to the terminal, those that turn the direction of writing, and bytes that
// are not UTF-8 are shown as \u202e, \xff and so on. New lines and tabs are left.
func visible(text string) string {
	if strings.IndexFunc(text, hidden) < 0 {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[0])
		case hidden(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteString(text[:size])
		}
		text = text[size:]
	}
	return b.String()
}

// hidden says whether a character is not shown as itself. RuneError may stand for a byte.
func hidden(r rune) bool {
	return unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r) || r == utf8.RuneError
}

// screen is a terminal to which text is written with what is hidden made visible. JSON stays the
// same JSON: such characters stand in its strings alone, where this is how they are escaped.
type screen struct{ w io.Writer }

// Write is io.Writer; no character may be cut in two.
func (s screen) Write(b []byte) (int, error) {
	if _, err := io.WriteString(s.w, visible(string(b))); err != nil {
		return 0, err
	}
	return len(b), nil
}

// shown is w as results are to be written to it: a terminal as a screen, and what a program may
// read as it is.
func shown(w io.Writer) io.Writer {
	f, is := w.(*os.File)
	if !is {
		return w
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return w
	}
	return screen{w}
}

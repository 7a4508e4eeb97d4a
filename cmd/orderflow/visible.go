package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"
)

// visible makes a text safe to print on a terminal. Control characters could move the cursor or command
// the terminal, others could turn the direction of writing: they are shown as \u202e and the like, and
// bytes that are not UTF-8 as \xff. New lines and tabs stay as they are.
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

// hidden says whether visible escapes a character. RuneError may stand for a byte that is not UTF-8.
func hidden(r rune) bool {
	return unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r) || r == utf8.RuneError
}

// screen writes text to a terminal through visible. JSON keeps its meaning: hidden characters occur only
// in its strings, and there \u202e is their escape.
type screen struct{ w io.Writer }

// Write is io.Writer; no character may be cut in two.
func (s screen) Write(b []byte) (int, error) {
	if _, err := io.WriteString(s.w, visible(string(b))); err != nil {
		return 0, err
	}
	return len(b), nil
}

// shown is the writer for results: a screen if w is a terminal, otherwise w itself, since a program may
// read it.
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

package jsontext

import (
	"slices"
	"testing"
)

func TestDepth(t *testing.T) {
	for text, want := range map[string]int{
		``: 0, `1`: 0, `{}`: 1, `[[],[[]]]`: 3, `"[[["`: 0, `"\"[["`: 0, `"\\"[`: 1, `{"[":[]}`: 2, `]]][`: 0, `[`: 1, `"\`: 0,
	} {
		if got := Depth([]byte(text)); got != want {
			t.Errorf("depth of %s is %d, want %d", text, got, want)
		}
	}
}

func TestMembers(t *testing.T) {
	for object, want := range map[string][]string{
		`{}`: nil, `{"a":1}`: {`"a"`, `1`}, `{"a":"}","b\"":[{"c":[]},-1e5],"d":null,"e":{}}`: {`"a"`, `"}"`, `"b\""`, `[{"c":[]},-1e5]`, `"d"`, `null`, `"e"`, `{}`},
	} {
		var got []string
		for name, value := range Members([]byte(object)) {
			got = append(got, string(name), string(value))
		}
		if !slices.Equal(got, want) {
			t.Errorf("the members of %s are %q, want %q", object, got, want)
		}
	}
}

func TestCompact(t *testing.T) {
	for text, want := range map[string]string{
		" { \"a\" :\n[ 1 ,\t2.50 ] }\r": `{"a":[1,2.50]}`, `"a b\" "`: `"a b\" "`, `null`: `null`,
	} {
		if got := string(Compact([]byte(text))); got != want {
			t.Errorf("%s became %s, want %s", text, got, want)
		}
	}
}

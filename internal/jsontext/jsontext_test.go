package jsontext

import "testing"

func TestDepth(t *testing.T) {
	for text, want := range map[string]int{
		``: 0, `1`: 0, `{}`: 1, `[[],[[]]]`: 3, `"[[["`: 0, `"\"[["`: 0, `"\\"[`: 1, `{"[":[]}`: 2, `]]][`: 0, `[`: 1, `"\`: 0,
	} {
		if got := Depth([]byte(text)); got != want {
			t.Errorf("depth of %s is %d, want %d", text, got, want)
		}
	}
}

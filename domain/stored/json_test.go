package stored

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// FuzzObject holds what Object writes against encoding/json, and has Scanner read it back as far as
// that is its task.
func FuzzObject(f *testing.F) {
	for _, text := range []string{"", "node-a", `"`, `\`, "<&>", "\u2028", "ä", "\xff", "\x7f", "\x00", "a\nb"} {
		f.Add(text, 1)
		f.Add(text, -5)
	}
	f.Fuzz(func(t *testing.T, text string, n int) {
		o := NewObject([]byte("x"))
		o.Text("text", text)
		o.Member("left_out", text)
		o.Number("number", n)
		got := strings.TrimPrefix(string(o.End()), "x")
		var want bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(struct {
			Text    string `json:"text"`
			LeftOut string `json:"left_out,omitempty"`
			Number  int    `json:"number"`
		}{text, text, n}); err != nil {
			t.Fatal(err)
		}
		if got != strings.TrimSuffix(want.String(), "\n") {
			t.Errorf("written is %s, encoding/json has %s", got, &want)
		}
		s := NewScanner(got)
		s.Expect(`{"text":`)
		read, member := s.Text(), s.Member(`,"left_out":`)
		s.Expect(`,"number":`)
		number := s.Number()
		s.Expect(`}`)
		scanned := s.Done()
		if scanned && (read != text || member != text || number != n) {
			t.Errorf("%s is read as %q, %q and %d", got, read, member, number)
		}
		if scanned != (IsPlain(text) && n >= 0 && n < 1_000_000_000) {
			t.Errorf("%s was scanned: %v", got, scanned)
		}
	})
}

func TestObject_Compact(t *testing.T) {
	o := NewObject(nil)
	if err := o.Compact("a", []byte(`{ "b": [1, 2] }`)); err != nil {
		t.Fatal(err)
	}
	o.Null("c")
	if got := string(o.End()); got != `{"a":{"b":[1,2]},"c":null}` {
		t.Errorf("written is %s", got)
	}
	if o.Compact("d", []byte(`{`)) == nil {
		t.Error("what is no JSON was written")
	}
}

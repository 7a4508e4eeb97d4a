package stored

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
)

// Marshal is json.Marshal without HTML escapes.
func Marshal(v any) (json.RawMessage, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// appendString appends s as a JSON string.
func appendString(b []byte, s string) []byte {
	if !IsPlain(s) {
		quoted, _ := Marshal(s) // a string always encodes
		return append(b, quoted...)
	}
	return append(append(append(b, '"'), s...), '"')
}

// IsPlain says that s needs no escapes in JSON: it is printable ASCII without quotes and backslashes.
func IsPlain(s string) bool { return plainPart(s) == len(s) }

// plainPart is how long the beginning of s is that needs no escapes.
func plainPart(s string) int {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return i
		}
	}
	return len(s)
}

// Object is the text of a JSON object that is being written, and of all that comes before
// it. Members follow each other in the order of the calls. Their names must need no escapes.
type Object []byte

// NewObject begins an object at the end of b.
func NewObject(b []byte) Object { return append(b, '{') }

// End ends the object and gives the text.
func (o *Object) End() []byte { return append(*o, '}') }

// Key writes the name of a member whose value the caller appends.
func (o *Object) Key(name string) {
	b := *o
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	*o = append(append(append(b, '"'), name...), '"', ':')
}

// Text writes a string.
func (o *Object) Text(name, value string) {
	o.Key(name)
	*o = appendString(*o, value)
}

// Member writes a string that is left out if it is empty.
func (o *Object) Member(name, value string) {
	if value != "" {
		o.Text(name, value)
	}
}

// Number writes a whole number.
func (o *Object) Number(name string, n int) {
	o.Key(name)
	*o = strconv.AppendInt(*o, int64(n), 10)
}

// Raw writes a value that is compact JSON already.
func (o *Object) Raw(name string, value []byte) {
	o.Key(name)
	*o = append(*o, value...)
}

// Compact writes a value that is JSON, without its white space. An error says that it is none.
func (o *Object) Compact(name string, value []byte) error {
	o.Key(name)
	buf := bytes.NewBuffer(*o)
	err := json.Compact(buf, value)
	*o = buf.Bytes()
	return err
}

// Null writes null.
func (o *Object) Null(name string) {
	o.Key(name)
	*o = append(*o, "null"...)
}

// Time writes a time.
func (o *Object) Time(name string, t time.Time) {
	o.Key(name)
	*o = append(AppendTime(append(*o, '"'), t), '"')
}

// TextOrNull writes a string, and null for the empty one.
func (o *Object) TextOrNull(name, value string) {
	if value == "" {
		o.Null(name)
		return
	}
	o.Text(name, value)
}

// TimeOrNull writes a time, and null for the zero time.
func (o *Object) TimeOrNull(name string, t time.Time) {
	if t.IsZero() {
		o.Null(name)
		return
	}
	o.Time(name, t)
}

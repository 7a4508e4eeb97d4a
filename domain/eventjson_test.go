package domain

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"orderflow/domain/stored"
)

// plainly is what would be written without any code of its own.
func plainly(t testing.TB, v any) string {
	t.Helper()
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(buf.String(), "\n")
}

// sameError says that both are nil, or both say the same.
func sameError(a, b error) bool {
	return (a == nil) == (b == nil) && (a == nil || a.Error() == b.Error())
}

func decodePlainly[E Event](data []byte) (Event, error) {
	var e E
	err := json.Unmarshal(data, &e)
	return e, err
}

var plainDecoders = map[string]func([]byte) (Event, error){
	"StepStarted":     decodePlainly[StepStarted],
	"StepCompleted":   decodePlainly[StepCompleted],
	"StepRolledBack":  decodePlainly[StepRolledBack],
	"StepFailed":      decodePlainly[StepFailed],
	"StepInterrupted": decodePlainly[StepInterrupted],
	"OrderCompleted":  decodePlainly[OrderCompleted],
}

// checkDecoding decodes data as everything there is a scanner for, and holds the outcome
// against encoding/json's.
func checkDecoding(t *testing.T, codec codec, data []byte) {
	t.Helper()
	for typ := range scans {
		got, err := codec.decode(typ, 1, string(data))
		want, wantErr := plainDecoders[typ](data)
		if wantErr != nil {
			want, wantErr = nil, fmt.Errorf("%w: decode %s: %s", ErrCorrupt, typ, wantErr)
		}
		if !reflect.DeepEqual(got, want) || !sameError(err, wantErr) {
			t.Errorf("%s from %q: %#v, %v; encoding/json has %#v, %v", typ, data, got, err, want, wantErr)
		}
	}
	var want Metadata
	wantErr := json.Unmarshal(data, &want)
	if got, err := DecodeMetadata(string(data)); got != want || !sameError(err, wantErr) {
		t.Errorf("metadata from %q: %+v, %v; encoding/json has %+v, %v", data, got, err, want, wantErr)
	}
}

// oddities are JSON, and what is none, that lies close to what is stored.
var oddities = []string{
	``, `{`, `{}`, `{}}`, ` {}`, `{} `, `null`, `[]`, `{"schema":1}`, `{"schema":01}`, `{"schema":0}`, `{"schema":-1}`, `{"schema":1.0}`, `{"schema":1e2}`,
	`{"schema":999999999}`, `{"schema":1234567890}`, `{"schema":99999999999999999999}`, `{"schema":}`, `{"schema":1`, `{"schema":1,}`, `{"schema":1,"actor":null}`,
	`{"schema":1,"actor":""}`, `{"schema":1,"actor":"a","actor":"b"}`, `{"schema":1,"node":"n","actor":"a"}`, `{"schema":1,"later":[1,{}]}`, `{"Schema":1}`,
	`{"schema":1,"actor":"a` + "\n" + `"}`, `{"schema":1,"actor":"` + "\xff" + `"}`, `{"schema":1,"actor":"\u00e4\"\\"}`, `{"schema":1,"actor":"ä"}`, `{"schema":1,"attempt":"1"}`,
	`{"step":"Scheduling","attempt":1,"node":"n"}`, `{"step":"Scheduling","attempt":1,"node":"n"}}`, `{"step":"Scheduling","attempt":1,"node":"n",}`,
	`{"step":"Scheduling","attempt":1,"node":"n","error":"e"}`, `{"step":"Scheduling","attempt":1,"node":"n","reason":"e"}`,
	`{"attempt":1,"step":"Scheduling","node":"n"}`, `{"step":"Scheduling", "attempt":1,"node":"n"}`, `{"step":"","attempt":0,"node":""}`, `{"step":1,"attempt":1,"node":"n"}`,
	`{"step":"Scheduling","attempt":1,"node":"n","more":{"a":[1,2]}}`, `{"STEP":"Scheduling","attempt":1,"node":"n"}`, `{"step":"a","step":"b","attempt":1,"node":"n"}`,
	`{"step":"Scheduling","attempt":1,"node":"` + "\x7f" + `"}`, `{"step":"Scheduling","attempt":1,"node":"n"`, `{"step":"Scheduling","attempt":1,"node":"n`, `{"step":"S\u0063heduling","attempt":1,"node":"n"}`,
}

func goldenTexts(t testing.TB) (texts [][]byte) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(len(files), err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, text)
	}
	return texts
}

// FuzzDecode holds everything that is decoded without encoding/json against it.
func FuzzDecode(f *testing.F) {
	for _, text := range goldenTexts(f) {
		f.Add(text)
	}
	for _, text := range oddities {
		f.Add([]byte(text))
	}
	codec := newCodec()
	f.Fuzz(func(t *testing.T, data []byte) { checkDecoding(t, codec, data) })
}

// FuzzEncode holds what is encoded without encoding/json against it, and reads it
// back.
func FuzzEncode(f *testing.F) {
	for _, text := range []string{"", "node-a", `"`, `\`, "<&>", "\u2028", "ä", "\xff", "\x7f", "\x00", "a\nb"} {
		f.Add(text, text, 1)
		f.Add(text, "x", -5)
	}
	codec := newCodec()
	f.Fuzz(func(t *testing.T, a, b string, n int) {
		for _, e := range []Event{
			StepStarted{Step(a), n, b}, StepCompleted{Step(a), n, b}, StepRolledBack{Step(a), n, b},
			StepFailed{Step(a), n, b, a + b}, StepInterrupted{Step(a), n, b, a}, OrderCompleted{},
		} {
			if _, ours := appendEvent(nil, e); !ours {
				t.Fatalf("%T is left to encoding/json", e)
			}
			got, err := marshal(e)
			if want := plainly(t, e); err != nil || string(got) != want {
				t.Errorf("%#v: %s, err %v; encoding/json has %s", e, got, err, want)
			}
			checkDecoding(t, codec, got)
		}
		for _, m := range []Metadata{
			{Schema: n, Actor: a, Node: b, Attempt: n / 2, CorrelationID: b, CausationID: a + b, TraceParent: a}, {Schema: n, TraceParent: b}, {Schema: n, RunBy: a},
		} {
			got := EncodeMetadata(m)
			if want := plainly(t, m); string(got) != want {
				t.Errorf("%#v: %s; encoding/json has %s", m, got, want)
			}
			checkDecoding(t, codec, got)
		}
	})
}

// TestScanner says that what is written is read without encoding/json: otherwise nothing
// would be gained, and no other test would say so.
func TestScanner(t *testing.T) {
	for _, e := range []Event{
		StepStarted{Scheduling, 1, "node-a"}, StepCompleted{Processing, 2, "n"}, StepRolledBack{PreProcessing, 30, "n"},
		StepFailed{Scheduling, 1, "n", "out of <steel>"}, StepInterrupted{Scheduling, 1, "n", "lost"}, OrderCompleted{},
	} {
		s := stored.NewScanner(plainly(t, e))
		got := scans[TypeOf(e)](&s)
		if s.Expect(`}`); !s.Done() || got != e {
			t.Errorf("%#v is read as %#v, done %t", e, got, s.Done())
		}
	}
	for _, g := range goldenMetadata {
		if got, ok := scanMetadata(plainly(t, g.metadata)); !ok || got != g.metadata {
			t.Errorf("%+v is read as %+v, %t", g.metadata, got, ok)
		}
	}
}

func BenchmarkCodec_DecodeText(b *testing.B) {
	codec := newCodec()
	data, meta := string(goldenText(b, "StepStarted.1.json")), string(goldenText(b, "metadata.json"))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := codec.decode("StepStarted", 1, data); err != nil {
			b.Fatal(err)
		}
		if _, err := DecodeMetadata(meta); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCodec_plain is BenchmarkCodec_DecodeText by encoding/json.
func BenchmarkCodec_plain(b *testing.B) {
	data, meta := goldenText(b, "StepStarted.1.json"), goldenText(b, "metadata.json")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decodePlainly[StepStarted](data); err != nil {
			b.Fatal(err)
		}
		var m Metadata
		if err := json.Unmarshal(meta, &m); err != nil {
			b.Fatal(err)
		}
	}
}

func goldenText(b *testing.B, name string) []byte {
	b.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		b.Fatal(err)
	}
	return text
}

package inflight

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"testing"

	"orderflow/domain/work"
)

// checkMetadata holds what is written and read here against encoding/json.
func checkMetadata(t *testing.T, metadata map[string]string) {
	t.Helper()
	want, err := json.Marshal(metadata)
	if err != nil {
		t.Fatal(err)
	}
	got := MarshalMetadata(metadata)
	if got != string(want) {
		t.Errorf("%q is written as %s, encoding/json has %s", metadata, got, want)
	}
	checkReading(t, got)
}

func checkReading(t *testing.T, text string) {
	t.Helper()
	var want map[string]string
	wantErr := json.Unmarshal([]byte(text), &want)
	m, err := UnmarshalMetadata("u", []byte(text))
	if (err == nil) != (wantErr == nil) || err == nil && (!maps.Equal(m, want) || (m == nil) != (want == nil)) {
		t.Errorf("%s is read as %v (err %v), encoding/json has %v (err %v)", text, m, err, want, wantErr)
	}
}

// random is metadata of a few short texts; most are plain, as most are in life.
func random(r *rand.Rand) map[string]string {
	odd := []string{`"`, `\`, "<", ">", "&", "\u2028", "ä", "\xff", "\x7f", "\x00", "\n", "\t", "😀", "\xed\xa0\x80"}
	text := func() (s string) {
		for range r.IntN(6) {
			s += string(rune(' ' + r.IntN('~'-' '+1)))
		}
		if r.IntN(8) == 0 {
			s += odd[r.IntN(len(odd))]
		}
		return s
	}
	metadata := map[string]string{}
	for range r.IntN(12) {
		metadata[text()] = text()
	}
	return metadata
}

func TestMetadata(t *testing.T) {
	if text := MarshalMetadata(nil); text != `{}` {
		t.Errorf("no metadata is written as %s, want {}", text)
	}
	r := rand.New(rand.NewPCG(1, 2))
	plain := 0
	for range 20_000 {
		metadata := random(r)
		if _, is := plainMetadata(metadata); is {
			plain++
		}
		checkMetadata(t, metadata)
	}
	if plain < 1000 {
		t.Errorf("%d of 20,000 were plain, too few to say anything", plain)
	}
	for _, text := range []string{
		``, `null`, `[]`, `{`, `{"a"`, `{"a":`, `{"a":"b"`, `{"a":"b",`, `{"a":"b",}`, `{"a":"b"}}`, `{"a":"b"} `, ` {"a":"b"}`, `{"a": "b"}`, `{"a":null}`,
		`{"a":1}`, `{"a":"b","a":"c"}`, `{"a":"b","c":null}`, `{"a":"b","c":1}`, `{"a":"\u0062"}`, `{"":""}`, `{,}`, `{"a":"b"x}`,
	} {
		checkReading(t, text)
	}
}

func FuzzMetadata(f *testing.F) {
	f.Add(`{"a":"b"}`, "k", "v")
	f.Fuzz(func(t *testing.T, text, key, value string) {
		checkReading(t, text)
		checkMetadata(t, map[string]string{key: value, value: "x", "k": key})
	})
}

func BenchmarkMarshalMetadata(b *testing.B) {
	metadata := map[string]string{
		work.MetadataCausation: "01890a5d-ac96-774b-bcce-b302099a8057:7", work.MetadataCorrelation: "01890a5d-ac96-774b-bcce-b302099a8057",
	}
	b.ReportAllocs()
	for b.Loop() {
		_ = MarshalMetadata(metadata)
	}
}

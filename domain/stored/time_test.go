package stored

import (
	"testing"
	"time"
)

// FuzzTime holds times that are read and written here against package time.
func FuzzTime(f *testing.F) {
	for _, text := range []string{
		"2026-11-22T01:02:03.456789Z", "2024-02-29T23:59:59.999999Z", "2023-02-29T00:00:00.000000Z", "1900-02-29T00:00:00.000000Z", "2000-02-29T00:00:00.000000Z",
		"0000-01-01T00:00:00.000000Z", "9999-12-31T00:00:00.000000Z", "2026-04-31T00:00:00.000000Z", "2026-12-32T00:00:00.000000Z", "2026-00-01T00:00:00.000000Z",
		"2026-11-22T24:00:00.000000Z", "2026-11-22T01:60:00.000000Z", "2026-11-22T01:02:60.000000Z", "2026-11-22T01:02:03.4567x9Z", "2026-11-22T01:02:03.9999xxZ",
		"2026-11-22T01:02:03,456789Z", "20x6-11-22T01:02:03.456789Z", "-001-11-22T01:02:03.456789Z", "2026-1x-22T01:02:03.456789Z", "",
		"2026-11-22T01:02:03.456789", "2026-11-22T1:02:03.4567890Z", "2026-11-22T1:02:003.456789Z", "2026-11-22T01:02:03.4+01:00Z", "2026-11-22T01:02:03.45678zZ",
	} {
		f.Add(text, int64(0))
		f.Add(text, int64(-1<<62))
		f.Add(text, int64(1<<60))
	}
	f.Fuzz(func(t *testing.T, text string, micros int64) {
		want, err := time.Parse(TimeLayout, text)
		got, ok := ParseTime(text)
		written := err == nil && want.Format(TimeLayout) == text // package time reads more
		if ok != written || ok && got != want {
			t.Errorf("%q is read as %v, %t; package time has %v, %v", text, got, ok, want, err)
		}
		for _, at := range []time.Time{want, time.UnixMicro(micros), time.UnixMicro(micros % (1 << 52))} {
			if written := string(AppendTime(nil, at)); written != at.UTC().Format(TimeLayout) {
				t.Errorf("%v is written as %s", at, written)
			}
		}
	})
}

func BenchmarkTime(b *testing.B) {
	at := time.Date(2026, 11, 22, 1, 2, 3, 456789000, time.UTC)
	var room [32]byte
	b.ReportAllocs()
	for b.Loop() {
		text := string(AppendTime(room[:0], at))
		if _, ok := ParseTime(text); !ok {
			b.Fatal(text)
		}
	}
}

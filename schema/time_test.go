package schema_test

import (
	"testing"
	"time"

	"orderflow/schema"
)

// FuzzTime holds times that are read and written here against package time.
func FuzzTime(f *testing.F) {
	const layout = "2006-01-02T15:04:05.000000"
	for _, text := range []string{
		"2026-11-22T01:02:03.456789", "2024-02-29T23:59:59.999999", "2023-02-29T00:00:00.000000", "1900-02-29T00:00:00.000000", "2000-02-29T00:00:00.000000",
		"0000-01-01T00:00:00.000000", "9999-12-31T00:00:00.000000", "2026-04-31T00:00:00.000000", "2026-12-32T00:00:00.000000", "2026-00-01T00:00:00.000000",
		"2026-11-22T24:00:00.000000", "2026-11-22T01:60:00.000000", "2026-11-22T01:02:60.000000", "2026-11-22T01:02:03.4567x9", "2026-11-22T01:02:03.9999xx",
		"2026-11-22T01:02:03,456789", "20x6-11-22T01:02:03.456789", "-001-11-22T01:02:03.456789", "2026-1x-22T01:02:03.456789", "",
	} {
		f.Add(text, int64(0))
		f.Add(text, int64(-1<<62))
		f.Add(text, int64(1<<60))
	}
	f.Fuzz(func(t *testing.T, text string, micros int64) {
		want, err := time.Parse(layout, text)
		got, ok := schema.ParseTime(text)
		written := err == nil && want.Format(layout) == text // package time reads more
		if ok != written || ok && got != want {
			t.Errorf("%q is read as %v, %t; package time has %v, %v", text, got, ok, want, err)
		}
		for _, at := range []time.Time{want, time.UnixMicro(micros), time.UnixMicro(micros % (1 << 52))} {
			written := schema.TimeArg(at)
			if written != at.UTC().Format(layout) {
				t.Errorf("%v is written as %s", at, written)
			}
		}
	})
}

package sqlitedb

import "testing"

func TestBootOffset(t *testing.T) {
	for offsets, want := range map[string]string{
		"": "", "monotonic           0         0\nboottime            0         0\n": "",
		"monotonic  5 0\nboottime   1000         500000000\n": "1000.500000000s", "1 0 0\n7 -3 0\n": "-3.0s",
	} {
		if got := bootOffset([]byte(offsets)); got != want {
			t.Errorf("%q: the offset is %q, want %q", offsets, got, want)
		}
	}
}

package domain

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// TestReservedKey_stored pins what is stored: a key that hashes differently would be free again.
func TestReservedKey_stored(t *testing.T) {
	for _, c := range []struct{ customer, kind, key, want string }{
		{"", KeyTracking, "web-4711", "e5835eb8f10a1562482ef2ce5494be2f27df724dbd58a46a8d378b0ed91f01e3"},
		{"", KeyIdempotency, "K-1", "3afd558e9b0307abe3efedf7028e8673c6354f80acfb28e16dd834997c8209ec"},
		{"acme", KeyTracking, "web-4711", "e010ea68796ffc8243f007a2e1967e4bd8ce7359a28a8d43ac2f9d1b6b88eb3d"},
		{"acme", KeyIdempotency, "K-1", "85ccdee7d5dd27776f038de0e0b7884e4c7e6b297014f3dbf2f2c2d4bbfbf917"},
	} {
		if got := fmt.Sprintf("%x", KeyHash(ReservedKey(c.customer, c.kind, c.key))); got != c.want {
			t.Errorf("customer %q, %s %q: %s, want %s", c.customer, c.kind, c.key, got, c.want)
		}
	}
}

// TestReservedKey_unique: no two keys are one, whatever they are made of, and each can be read
// back.
func TestReservedKey_unique(t *testing.T) {
	part := rapid.StringOfN(rapid.SampledFrom([]rune("ab:\x00\x04key")), 0, 12, -1)
	kind := rapid.SampledFrom([]string{KeyTracking, KeyIdempotency})
	rapid.Check(t, func(t *rapid.T) {
		a := [3]string{part.Draw(t, "customer"), kind.Draw(t, "kind"), part.Draw(t, "key")}
		b := [3]string{part.Draw(t, "customer"), kind.Draw(t, "kind"), part.Draw(t, "key")}
		left, right := ReservedKey(a[0], a[1], a[2]), ReservedKey(b[0], b[1], b[2])
		if (left == right) != (a == b) {
			t.Fatalf("%q and %q: %q and %q", a, b, left, right)
		}
		customer, kind, key := SplitKey(left)
		if got := [3]string{customer, kind, key}; got != a {
			t.Fatalf("%q is read back as %q", a, got)
		}
	})
}

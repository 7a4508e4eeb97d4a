//go:build chaos

package crashpoint

import "testing"

func TestPoint_passed(t *testing.T) {
	for _, c := range []struct {
		name, order string
		passes      []string
		at          int // index of the pass that kills; -1 for none
	}{
		{"the first pass", "a.b", []string{"a.b"}, 0},
		{"the third pass", "a.b:3", []string{"a.b", "a.c", "a.b", "a.b", "a.b"}, 3},
		{"another point", "a.b:1", []string{"a.c"}, -1},
		{"nothing is armed", "", []string{"a.b"}, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p point
			at := -1
			for i, name := range c.passes {
				if p.passed(name, c.order) {
					at = i
				}
			}
			if at != c.at {
				t.Errorf("pass %d kills, want %d", at, c.at)
			}
		})
	}
	var p point
	p.passed("a.b", "a.b:1")
	p.forget()
	if !p.passed("a.b", "a.b:1") {
		t.Error("a point that is armed again is not counted anew")
	}
	p.passed("a.b", "a.b:2")
	if p.passed("a.c", "a.c:2") || !p.passed("a.c", "a.c:2") {
		t.Error("passes are not counted from when the point was armed")
	}
}

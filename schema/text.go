package schema

import "unsafe"

// Text is b as an argument that is stored as text, without a copy: a []byte would be stored as
// binary data in either dialect. b must never be changed again. It is for what may be large and
// is known not to change, such as the stored bytes of events.
func Text(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b)) //nolint:gosec // the one place; see above
}

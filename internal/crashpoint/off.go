//go:build !chaos

package crashpoint

// Here is a point that a process may be killed at; nothing in this build.
func Here(string) {}

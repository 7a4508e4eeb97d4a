// Package boottime reads a clock that all processes of a machine share and nobody can set.
package boottime

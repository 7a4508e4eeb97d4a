//go:build !linux

package main

import "testing"

// smallDisk is for Linux.
func smallDisk(t *testing.T, _ int) string {
	t.Helper()
	t.Skip("SKIPPED: A FULL DISK IS NOT TESTED. It takes Linux")
	return ""
}

func fill(*testing.T, string) {}

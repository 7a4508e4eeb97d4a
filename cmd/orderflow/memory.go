package main

import (
	"os"
	"runtime/debug"
)

// garbage is the growth of the heap, in percent, at which a node collects. What it holds
// is small (some tens of megabytes) beside what it allocates for each order, so that Go's
// default of 100 has it collect many times a second. GOGC says otherwise.
const garbage = 400

func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
}

package main

import (
	"crypto/rand"
	"fmt"
	"os"
	"regexp"
	"strings"
)

var notInNames = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// newNodeID names a node after its host, with a random suffix: a process that starts
// again is another node, so that what the earlier one left behind is seen as such.
func newNodeID() string {
	host, err := os.Hostname()
	if err != nil {
		host = ""
	}
	host = strings.Trim(notInNames.ReplaceAllString(host, "-"), "._-")
	if host == "" {
		host = "node"
	}
	if len(host) > 80 {
		host = host[:80]
	}
	var suffix [3]byte
	_, _ = rand.Read(suffix[:]) // never fails
	return fmt.Sprintf("%s-%x", host, suffix)
}

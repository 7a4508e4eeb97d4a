package main

import (
	"crypto/rand"
	"fmt"
)

// newNodeID gives a node a random name: a process that starts again is another node, so that
// what the earlier one left behind is seen as such. The name stands in what customers read, so it
// says nothing of the host, which the register of nodes has.
func newNodeID() string {
	var random [4]byte
	_, _ = rand.Read(random[:]) // never fails
	return fmt.Sprintf("node-%x", random)
}

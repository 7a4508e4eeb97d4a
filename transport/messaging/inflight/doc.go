// Package inflight is the SQL on nodes and on what they work on.
//
// Nodes is the register of nodes: who may hold leases, and until when, by the database's clock.
// Offsets and ResetOffsets are about how far consumer groups have claimed.
package inflight

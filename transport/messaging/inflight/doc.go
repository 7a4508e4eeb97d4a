// Package inflight is the SQL on leases, on the nodes that hold them, and on messages that were given up.
//
// A lease is a row of the table inflight: the right of one node to work on one message.
//
// Leases settles leases in the transaction that stores what was done under them. Nodes is the register of
// nodes: who may hold leases, and until when, by the database's clock. DeadLetters are the messages that
// were given up, until somebody requeues or discards them. Offsets and ResetOffsets are about how far
// consumer groups have claimed.
package inflight

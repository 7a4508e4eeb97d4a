// Package inflight is the SQL on leases, on the nodes that hold them, and on messages that were given up. It
// knows nothing of Watermill.
//
// A lease is a row of the table inflight: the right of one node to work on one message, under an epoch and an
// attempt (see work.Lease). The row is made when the message is claimed, or appended for a free slot, and
// stays to the end of the last message that the lease is passed on to. Its key is the position in the log of
// the first message, so that no message has two rows.
//
// What it promises:
//
//   - Work done under a lease takes effect once: Leases settles the lease in the transaction that stores the
//     outcome, and says so if the row is no longer there or names somebody else.
//   - A node whose registration has expired, by the database's clock, claims nothing, and has its rows taken
//     over by any other node of the group, with the next attempt number and one more interruption. A
//     registration that has expired or was declared lost is never renewed (Nodes).
//   - Each lost node is told of in one warning by every process that takes over from it, with how many messages
//     it took at first; one that held nothing, by whoever sees it first (Losses).
//   - A duty is one registration's at a time, for as long as that registration is good (Duties).
//   - Messages that were given up stay until somebody requeues or discards them (DeadLetters).
//
// In a transaction, rows are locked in this order: in-flight rows that this node holds, offsets, in-flight rows
// that are made; or, when messages are taken over, registrations, in-flight rows that it takes. The event store
// locks heads after the in-flight rows that it settles. Two nodes can still wait for each other in a circle
// when the registration of one of them has expired and it does not know yet; the database then gives one
// transaction up, and it is done again.
//
// Correctness does not rest on lock hints, nor on the lock of an update that changes nothing. Every condition is
// checked in the WHERE of the update that depends on it, and the rows that it changed are counted. An update that
// is there to lock a row changes it.
//
// A Claimer waits 300 ms at most for a row that somebody has locked, and with the hints not at all. It never waits
// in the middle of work that does not need the row: what is new is claimed in a transaction apart from what is
// taken over, and partition by partition once an offset was found locked. An acknowledgement waits for its row, since
// no row means that it is late; one whose row was found locked is stored apart from all others (see heed).
package inflight

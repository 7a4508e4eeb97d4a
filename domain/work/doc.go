// Package work says how the work on an order is asked for, handed out and recorded.
//
//   - A Unit is what one decision adds to the store: its events, the messages that follow
//     from them, and the end of the lease under which it was made. All of it is committed,
//     or none.
//   - A Lease is the right of one node to work on one message.
//   - A topic carries the messages of one step, or of rollbacks.
//   - A Node is one registration of a node; leases are good as long as it is.
//
// The package has the values alone. The event store commits units, package messaging
// keeps leases and nodes in the database, and package handlers works.
package work

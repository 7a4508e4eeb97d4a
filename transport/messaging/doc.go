// Package messaging carries work from the events that cause it to the workers that
// do it: a transactional outbox and a Watermill subscriber that claims from it.
//
// Publishing. Outbox writes messages in the transaction that appends the events that
// cause them, at the partition and position of those events, through watermill-sql's
// Publisher and the schema adapters of this package. Publisher does the same for
// messages that no event caused (partition -1).
//
// Claiming. Subscriber is a message.Subscriber. It needs free slots first; then, in one
// short transaction, it locks the offset of a consumer group in a partition of a
// topic, moves the next messages (at most the free slots) to the in-flight table under
// its node's name and epoch, advances the offset and commits. No transaction is open
// while a handler works. What it promises:
//
//   - A message is delivered at least once to every consumer group, and is in flight on one
//     node at a time: its in-flight row is the lease, named by (node, epoch, attempt).
//   - Work done under a lease takes effect once: Leases settles the lease in the
//     transaction that stores the outcome, and refuses when the row is no longer there.
//   - A node whose registration has expired, by the database's clock, has its rows taken
//     over by any other node of the group, with the next attempt number.
//   - Topics that come first in Config.Topics are claimed first, and messages that were
//     interrupted before new ones.
//   - A subscriber without free slots does not poll; an idle one polls every
//     Config.IdlePoll and is woken at once by the Bell of a local publisher.
//
// It promises no order between messages unless Config.Ordered is set; then one message
// of a topic is in flight at a time and a message is not overtaken.
//
// In a transaction, rows are locked in this order: nodes, offsets, in-flight rows, and
// whatever the event store locks after them. Correctness does not rest on lock hints:
// every row is locked by updating it, and every condition is checked again in the WHERE
// of the update that depends on it.
package messaging

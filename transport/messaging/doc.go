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
//     node at a time: its in-flight row is the lease, named by (node, epoch, attempt). The row
//     is made at the claim and stays to the end of the last message that its lease is passed
//     on to; its key is the place of the first, so that no message has two rows.
//   - Work done under a lease takes effect once: Leases settles the lease in the
//     transaction that stores the outcome, and refuses when the row is no longer there.
//   - A node whose registration has expired, by the database's clock, claims nothing, and has
//     its rows taken over by any other node of the group, with the next attempt number and
//     one more interruption. The context of what it still handles has ended before that.
//   - Each lost node is told of in one warning by every process that takes over from it, with how
//     many messages it took at first (Losses); one that held nothing, by whoever sees it first.
//   - Of the messages that were on lost nodes repeatedly (Config.AloneAfter), a node handles
//     one at a time, so that one that kills its nodes does not take the same others with
//     it until they are given up too.
//   - Messages that were interrupted or given back are claimed before new ones, and topics
//     that come first in Config.Topics before others. The partitions of a topic take turns.
//   - A handler may pass its lease on to the next message of its order, which is then
//     delivered in the same slot and never was in the outbox, so that other groups do not
//     see it. It may as long as nothing waits for a slot that goes first: what was
//     interrupted or given back, or a topic before that of the next message.
//   - A message that is about to be appended may be given a free slot (Subscriber.Reserve), under
//     the same condition, and if no other message of its topic waits. It is delivered from
//     there, and was never in the outbox either.
//   - A subscriber without free slots does not poll, but asks once a second whether such a
//     thing waits; an idle one polls every Config.IdlePoll and is woken at once by the Bell
//     of a local publisher.
//   - A subscriber that drains claims nothing more, hands back what it has not delivered, and
//     is done when all that was delivered has been acked or nacked. What was passed on, or
//     appended for a slot, is delivered even then.
//   - If the answer to the COMMIT of a claim is lost, the subscriber finds out what it
//     claimed and delivers it. Every half minute it looks for leases of its node that it does
//     not know of, whatever they came from.
//
// It promises no order between messages unless Config.Ordered is set; then one message
// of a topic is in flight at a time and a message is not overtaken.
//
// In a transaction, rows are locked in this order: in-flight rows that this node holds,
// registrations, offsets, in-flight rows that it takes; the event store locks heads after
// the in-flight rows that it settles. Two nodes can still wait for each other in a circle
// when the registration of one of them has expired and it does not know yet; the database
// then gives one transaction up, and it is done again.
//
// Correctness does not rest on lock hints: every row is locked by updating it, and every
// condition is checked again in the WHERE of the update that depends on it.
//
// The SQL on leases, nodes and dead letters is in package inflight, and housekeeping in
// package retention.
package messaging

// Package messaging carries work from the events that cause it to the workers that do it: a transactional
// outbox, and a Watermill subscriber that claims messages from it.
//
// # Publishing
//
// Outbox writes messages in the transaction that appends the events that cause them, at the partition and
// position of those events. Publisher does the same for messages that no event caused (partition -1). Both
// use watermill-sql's Publisher with the SchemaAdapter of this package. Of that adapter, SelectQuery and
// UnmarshalMessage are never called here: they belong to watermill-sql's own Subscriber, which holds a
// transaction open while a handler works, and this package's Subscriber does not.
//
// # The five ways to a handler
//
//	way            begun by                        function                   the row in flight           outbox
//	claimed        the loop of a node that has     claiming.claimNew          is made: attempt 1          yes: it is
//	               free slots                                                                             read there
//	taken over     the same, for what was given    Claimer.TakeOver           changes hands: attempt + 1  as before
//	               back or is a lost node's
//	passed on      a handler, by an append that    Leases.Pass,               becomes that of the next    never
//	               settles with work.SettlePass    dispatcher.serve           message: attempt 1
//	started where  whoever places an order, by     Subscriber.Reserve,        is made: attempt 1          never
//	it is placed   an append with work.SettleStart Leases.Start
//	adopted        the loop, when it finds a row   Claimer.Adopt              stays as it is              as before
//	               that nobody works on
//
// They meet in dispatcher.serve. On a node with free slots an order comes by the fourth way and goes on by
// the third, so that at light load none of its four messages is ever in the outbox. The claim functions are
// in package inflight.
//
// # What Subscriber promises
//
// It needs free slots first. Then one short transaction moves the next messages, at most as many as slots are
// free, from the outbox to the table inflight, under the name and epoch of its node. No transaction is open
// while a handler works.
//
//   - A message is delivered at least once to every consumer group, and is in flight on one node at a time.
//     Its in-flight row is the lease; see package inflight.
//   - The context of a message ends before its lease can be taken over by others, if the node's registration
//     expires (cause domain.ErrFenced).
//   - Of the messages that were on lost nodes repeatedly (Config.AloneAfter), a node handles one at a time, so
//     that a message that kills its nodes does not take the same others with it until they are given up too.
//   - Messages that were interrupted or given back have precedence: new ones are claimed for the slots that these
//     leave. Topics that come first in Config.Topics have it before others. The partitions of a topic take turns.
//   - A transaction that has fallen silent, and holds rows locked, keeps nobody from claiming what does not need
//     these rows. New messages are claimed, and acknowledgements stored, before anything is taken over. What
//     is locked holds up its own acknowledgement or message alone. It has no precedence while it is left alone:
//     for a second, and up to 8 s if it is found locked again.
//   - A handler may pass its lease on to the next message of its order, which is then delivered in the same
//     slot. Other groups do not see that message. It may do so unless a message that has precedence waits for
//     a slot: one that was interrupted or given back, or one of an earlier topic in Config.Topics.
//   - A message that is about to be appended may reserve a free slot (Subscriber.Reserve), under the same
//     condition, and if no other message of its topic waits. It is delivered in that slot.
//   - Nothing of a topic that is held (Config.Held) is begun: by none of the five ways, and what was claimed and not
//     delivered is given back. Other topics, earlier and later ones, do not wait for it, nor does a slot. What runs goes
//     on to its end, and the next message of its order waits in the outbox.
//   - A subscriber without free slots does not poll, but asks once a second whether a message that has
//     precedence waits. An idle one polls every Config.IdlePoll, and the Bell of a local publisher wakes it.
//   - A subscriber that drains claims nothing more and gives back the messages that it has not delivered. It
//     is drained when all delivered messages have been acked or nacked and the acknowledgements are stored.
//     A message that was passed on, or appended for a reserved slot, is delivered even then.
//   - If the answer to the COMMIT of a claim is lost, the subscriber finds the messages that it claimed, and
//     delivers them. Every half minute it looks for leases of its node that it does not know of.
//
// It promises no order between messages unless Config.Ordered is set; then one message of a topic is in flight
// at a time and a message is not overtaken.
package messaging

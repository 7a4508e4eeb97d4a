// Package retention removes rows that nobody needs any more: messages that every consumer group of
// their topic has claimed, registrations of nodes that ended long ago, and what nodes counted more than a day ago. Events
// are not its business.
//
// What it promises:
//
//   - A message stays for Config.Keep after it was written, and until every group of its topic has
//     claimed it. A topic that no group consumes keeps its messages. A group that consumes no more keeps
//     those of its topics until its rows of consumer_offsets are deleted.
//   - A registration stays while a message is in flight under it. The latest of a name stays for 30 days. What operators
//     want of one registration goes with it; what they want of a step, an order or a name stays until they take it back.
//   - What a node counted in a minute stays for 25 hours.
//   - A message in flight under a registration that is not there becomes claimable again.
//   - It works in small transactions with pauses between them, so that it is not in the way of others.
//     Any number of nodes may do it at once.
//   - A row that another transaction holds keeps nothing of other partitions: its own partition is left to
//     the next sweep, and the sweep says so when all others are done.
package retention

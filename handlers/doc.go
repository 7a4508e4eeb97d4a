// Package handlers does the work of orders: it takes the messages that ask for a step
// or a rollback, has an Executor do the work, and records what came of it.
//
// Steps are the message handlers, NewRouter puts them on a Watermill router, Node is
// this process's membership in the cluster, and Worker runs all of it and stops it in
// the right order. Where things are stored is not known here; the interfaces below
// say what is needed.
//
// What it promises:
//
//   - An attempt is recorded as started before its work begins, and its outcome is
//     recorded in the unit of work that also ends the message. An outcome whose lease
//     has been lost is dropped: another node has the order.
//   - An order that is placed on a node with a free worker is started in the transaction that
//     places it (Placing).
//   - An order that goes on in the same slot is not loaded again: what was committed goes
//     along with its lease. What others have appended meanwhile is met when the next outcome
//     is recorded, which is then decided anew on what is stored.
//   - Work that was done is not forgotten because the database is away: its outcome is
//     offered again until it is stored or the lease ends.
//   - An attempt that another node left open is closed as interrupted in the same unit
//     of work that starts the next one. A message that was interrupted too often takes
//     its order out of the flow (Parked) and blocks no other.
//   - A step that is cut short because its node stops is recorded as interrupted, for that reason,
//     and its message handed back without being counted. What is said of an attempt that
//     another node left open is what is known: whose lease expired, or who was stopped.
//   - A step that runs into its time limit, and one whose executor panics, is interrupted
//     and tried again; one whose executor returns an error has failed, and the order is
//     rolled back.
//   - A rollback compensates the failed step and then every completed one, last first.
//     Each is recorded on its own before the next begins, so that a crash resumes where
//     the log says.
//   - A message that no longer fits its order is dropped; one that cannot be understood
//     goes to the dead letters.
//   - No two processes are one node: one that finds its name registered waits until that has
//     expired, and ends with an error if it is renewed.
//   - A node stops working on its leases before they can end: the context of all its
//     work is canceled by the node's own monotonic clock, a fifth of the lease's time
//     before the database would let another node have them, even while a call to the
//     database hangs. An executor that asks its context after a pause of the process is told
//     by the clock, also before the timer that ends the context has had its turn.
//
// What it does not promise: an executor is called at least once for a step, not exactly
// once. It gets the same key each time (see Work). An executor that ignores its
// context can work on after its lease has ended; nothing it says then is recorded. A
// machine that is suspended as a whole does not see the time pass; its outcomes are
// refused by the fence in the event store.
package handlers

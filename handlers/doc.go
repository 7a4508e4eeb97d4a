// Package handlers holds the use cases of orders, and the process that works on them.
//
// What people ask for:
//
//   - Placing places an order (place.go) that it has checked (neworder.go).
//   - Letters requeues and discards dead letters (letters.go).
//   - A use case to come, such as to cancel an order, gets a file beside these. The HTTP API and
//     the commands call it and hold no rules of their own.
//
// What messages ask for: Steps has the message handlers, an Executor does the work, Node is the
// membership of this process in the cluster. Worker puts the handlers on a Watermill router, runs
// node and router, and stops them in the right order. Interfaces say what is needed of a store.
//
// What it promises of placing:
//
//   - An order with a tracking id or an idempotency key is placed once, however often it is asked for.
//   - If a worker of this node is free, the transaction that places the order starts its first step.
//
// What it promises of the work:
//
//   - An attempt is recorded as started before its work begins. Its outcome is recorded in the
//     unit of work that also ends the message. If the lease has been lost, another node has
//     the order, and the outcome is dropped.
//   - An order that goes on in the same slot is not loaded again. If others have appended meanwhile,
//     the append of the next outcome finds that out, and it is decided again on what is stored.
//   - Work that was done is not forgotten because the database is away: its outcome is
//     offered again until it is stored or the lease ends.
//   - An attempt that another node left open is closed as interrupted in the same unit
//     of work that starts the next one. A message that was interrupted too often takes
//     its order out of the flow (Parked) and blocks no other.
//   - A step that is cut short because its node stops is recorded as interrupted, for that reason. Its
//     message is handed back, and the attempt is not counted. Of an attempt that another node left
//     open, the record says what is known: whose lease expired, or which node was stopped.
//   - A step that runs into its time limit, and one whose executor panics, is interrupted
//     and tried again; one whose executor returns an error has failed, and the order is
//     rolled back.
//   - A rollback compensates the failed step and then every completed one, last first.
//     Each is recorded on its own before the next begins, so that a crash resumes where
//     the log says.
//   - A message that no longer fits its order is dropped; one that cannot be understood
//     goes to the dead letters.
//
// What it promises of leases:
//
//   - Two processes are never one node. A process that finds its name registered waits until that
//     registration has expired, and ends with an error if the registration is renewed.
//   - A node stops its work before its leases can end. It relies on a registration only until
//     start of the last renewal + 4/5 of the lease's time, by its own monotonic clock, even while a
//     call to the database hangs. Then the context of all its work is canceled.
//   - When the process was paused, a timer can be late. The context's Err does not wait for the timer:
//     it compares the clock. So an executor that asks ctx.Err() before each effect stops in time.
//
// What it does not promise: an executor is called at least once for a step, not exactly
// once. It gets the same key each time (see Work). An executor that ignores its
// context can work on after its lease has ended; nothing it says then is recorded. A
// machine that is suspended as a whole does not see the time pass; the event store refuses
// its outcomes.
package handlers

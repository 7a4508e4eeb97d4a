// Package handlers holds the use cases of orders, and the process that works on them.
//
// The use cases, which the HTTP API and the commands call:
//
//   - Placing checks an order (neworder.go) and places it (place.go).
//   - Letters requeues and discards dead letters (letters.go).
//   - A new use case, such as to cancel an order, gets a file beside these. Its callers hold no rules.
//
// The work: Steps has the message handlers, an Executor does the work of the steps, Node is the
// membership of this process in the cluster. Worker puts the handlers on a Watermill router, runs
// node and router, and stops them in the right order.
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
//   - While the database is away, the outcome of finished work is kept. Its append is tried again
//     until it is stored or the lease ends.
//   - An attempt that another node left open is closed as interrupted in the same unit
//     of work that starts the next one. A message that was interrupted too often takes
//     its order out of the flow (Parked) and blocks no other.
//   - A step that is cut short because its node stops is recorded as interrupted, for that reason. Its
//     message is handed back, and the attempt is not counted. For an attempt that another node left
//     open, the record names the node whose lease expired, or that was stopped, as far as it is known.
//   - A step that runs into its time limit, and one whose executor panics, is interrupted
//     and tried again; one whose executor returns an error has failed, and the order is
//     rolled back.
//   - A rollback compensates the failed step and then every completed one, last first.
//     Each is recorded on its own before the next begins, so that a crash resumes where
//     the log says.
//   - Once an operator has asked for the end of an order, none of its steps is started. The step that runs ends as
//     it does, unless it is cut short (cut.go). The unit that records its end asks for the rollback, which
//     compensates an interrupted step too, and the order is not parked instead.
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
// What it does not promise: an executor is called at least once for a step, not exactly once. It gets
// the same key each time (see Work). An executor that ignores its context can work on after its lease
// has ended; its outcome is not recorded. A machine that is suspended as a whole does not notice the
// time that passes; the event store refuses its outcomes.
package handlers

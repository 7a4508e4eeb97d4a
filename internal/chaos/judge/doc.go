// Package judge says, after a run, whether the system kept its promises. It reads what
// the run left behind (the database by plain SQL, the ids that were answered 202, the
// executors' own record of their calls, the harness's record of its faults) and shares no
// code with the system: not its tables' reading, not its rules, not its folds.
//
// What it finds, each under its own name:
//
//   - lost: an order that was accepted and is not in the log, or has not ended; work left over.
//   - key: a tracking id or idempotency key that names two orders, in answers or in the log, or
//     is reserved for an order that is not in the log.
//   - log: a hole in positions or versions, times that run backwards, a hash that does not fit.
//   - history: two attempts open at once, a step out of turn, an outcome of an attempt that
//     was closed, an event after the end, a parked order that did not ask for it, a step begun
//     after a request to cancel.
//   - rollback: not all, not in reverse, or twice; another end than was asked for.
//   - overlap: two executors on one order at one instant (porcupine, as a lock).
//   - order: outcomes that fit no sequence of the calls that made them (porcupine, as the
//     order's state machine): an outcome from a node that had been fenced out, work that was
//     recorded and not done, or done after its turn.
//   - view: an order that the projection shows otherwise than its events.
//   - alarm: one that the watchdog raised about the log, an order, a view or the schema, of which faults harm none.
//   - take-over: work of a node that was lost, not taken up again within the limit.
//
// Waiting for the database while a fault kept it from everybody does not count as time.
package judge

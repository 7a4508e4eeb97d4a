// Package operate holds the use cases of operators: what they can do to the cluster and to orders. The commands and the
// admin interface call the same functions, and hold no rules.
//
// What it promises:
//
//   - Every lever wants a reason and keeps it with who pulled it (By): in the history of the order that it is about, or
//     else in the log of operations.
//   - A lever that changes nothing says so, and is no error. So a request may be repeated whose answer was lost. Only
//     the end of an order cannot be asked for twice: a rule refuses that, and says what stands in the way.
//   - Levers work on the database. No node need run; those that run follow.
//
// Levers on the cluster (Levers): a step is paused and resumed, a node cordoned, uncordoned, drained, stopped, or given
// another log level. They set controls, which every node reads with each heartbeat, so that they are in force everywhere
// within two of them. Nothing that runs is interrupted, but by a stop, after its time to drain.
//
// Jobs (Jobs, JobWorker): one thing is done to many dead letters or orders. A dry run counts them, and the job is ordered
// for exactly as many. They are frozen as they are seen, and worked off by one node at a time, at a rate. Each ends in the
// transaction of what is done to it, so nothing is done twice; one that has changed since is skipped. A job can be
// stopped between two of them.
//
// Alarms (Alarms, Watchdog): rounds look at the system, and what they find wrong is raised, acknowledged by operators, and
// cleared when two rounds in a row have not found it again. The codes are a closed list (AlarmKinds).
//
// Levers on one order (OrderLevers): it is cancelled, failed while it is parked, and retried once it has failed or was
// cancelled. Each is an event of an order. A caller may name the version that it saw: if the order has moved on since, nothing
// happens. Nothing is recorded before every live node reads these events (domain.EventLevel); until then the levers are
// unavailable, and say so.
package operate

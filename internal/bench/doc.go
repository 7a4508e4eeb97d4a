// Package bench measures the whole system, and beside it the floor: what the same
// database, driver and file system do when they merely insert the rows of the events.
//
// What it promises:
//
//   - Nodes are those of "orderflow serve"; the caller starts them (Config.Start,
//     Config.Spawn). Databases are fresh and made here, with the settings that nodes
//     use: a commit is durable.
//   - Floor and system take turns, each is measured several times, and what is reported is
//     the median, with every sample beside it.
//   - Orders that were not worked on as the rules want end the run with an error; they are no
//     figure.
//   - Times are this process's monotonic clock. An event counts as there when the commit
//     that holds it has returned, not when the event was stamped, which is earlier.
//   - Processor time is that of this process, so that it includes the callers that place
//     the orders, and of the children it waited for.
//   - Generated histories are what package domain decides, with positions, hashes and heads,
//     and views that the system's own projector or rebuild made of them: check finds nothing wrong.
//
// What it does not: it has no opinion about figures. Goals are shown beside them, and
// whether they are met ends no run.
package bench

// Command orderflow is the whole system in one binary: a node that serves the API, works
// on orders and keeps the views (serve), and the commands of operators and auditors.
//
// This package is the composition root. It reads flags and the environment, which no
// other package does, binds the small interfaces that the packages declare to each
// other, and owns the order in which a node starts and stops:
//
//   - A node listens last, when everything it answers from is ready.
//   - The first SIGTERM or SIGINT, or POST /command/stop, drains: no new work is claimed,
//     /readyz says no, running steps finish and their outcomes are stored, work that was
//     claimed and not begun is handed back. The API answers until then. After
//     --drain-timeout the steps that still run are interrupted, and other nodes take
//     them over. A second signal ends the process at once, which is safe: it is what a
//     crash is.
//   - The node gives up its leases last, when none of its steps can be running.
//
// Exit codes, of every command: 0 done; 1 failed, or found something wrong; 2 wrong use.
// Results go to standard output, as a table or with --json as JSON, everything else to
// standard error.
package main

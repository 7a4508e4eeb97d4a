// Package node is the composition root of a node: it binds the small interfaces that the packages
// declare to each other, and owns the order in which a node starts and stops.
//
//   - A node answers requests last, when everything else is ready.
//   - The first SIGTERM or SIGINT, or POST /command/stop, drains: no new work is claimed,
//     /readyz says no, running steps finish and their outcomes are stored, work that was
//     claimed and not begun is handed back. The API answers until then. After
//     Config.DrainTimeout the steps that still run are interrupted, and other nodes take
//     them over. A second signal ends the process at once, which is as safe as a crash.
//   - The node gives up its leases last, when none of its steps can be running.
package node

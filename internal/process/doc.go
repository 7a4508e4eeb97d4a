// Package process starts a node as a process of its own, says where it listens, and ends it. It is for
// what measures and what tests the system: nodes do not start each other.
//
// What it promises:
//
//   - The environment of the process is that of its parent without the variables ORDERFLOW_*, which
//     would configure it, and with those that it is given.
//   - Start returns when the node listens, or with the reason why it never will and the end of its log.
//   - Nobody else waits for the process: its end is seen by all who ask for it.
package process

// Package harness runs a schedule of faults against a cluster under load, lets the
// system settle, and has the judge look at what is left.
//
// In what order things happen: the nodes start, the load begins, each fault is begun
// after its pause on its node, or the next one that is whole (several are under way at a
// time; two nodes at least stay whole). At the end the load stops, every node is healed,
// all work is waited for, the nodes drain, and must exit 0. Then the evidence is read.
package harness

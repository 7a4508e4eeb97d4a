// Package crashpoint marks the places at which a crash hurts most. In a normal build
// Here does nothing and is compiled away. Built with the tag chaos, a process kills
// itself, as kill -9 would, when it passes an armed point.
//
// The variable ORDERFLOW_CHAOS_CRASH arms a point from the start ("claim.moved:3" is the
// third pass), or names a file that arms one when it appears ("@/run/crash"): its content
// is of the same form, and passes are counted from then on.
//
// What it promises: nothing of it is in a program that was built without the tag, and
// every name that is passed is one of Names (a test reads the sources).
package crashpoint

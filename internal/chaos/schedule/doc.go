// Package schedule draws the faults of a chaos run. It is pure: the same seed and the
// same options give the same schedule. What a fault hits when its node is already down
// is the harness's choice (the next node that is up), so that two runs of a seed have
// the same faults in the same order, but not to the millisecond.
package schedule

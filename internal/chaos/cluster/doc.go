// Package cluster starts nodes as real processes of the real binary, built with the tag
// chaos, and does to them what happens to machines: it kills, stops, drains and starts
// them again. It records when a process came, was stopped, went on and was gone, by a
// clock that all processes of the machine share, and tells of every process that ended
// without having been told to.
package cluster

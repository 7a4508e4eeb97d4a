package inflight

// Reading has the nodes that register be of a program that reads events up to a level.
func (n *Nodes) Reading(level int) *Nodes {
	n.level = level
	return n
}

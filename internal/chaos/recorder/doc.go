// Package recorder records the calls of executors in a file of its own, as evidence beside the database:
// a line when a call begins, one when it ends, and when it last was at work. It also has orders misbehave
// that ask for it. It is part of nodes that are built with the tag chaos, and of no others.
package recorder

// Command orderflow is the whole system in one binary: a node that serves the API, works
// on orders and keeps the views (serve), and the commands of operators and auditors.
//
// This package reads flags and the environment, which no other package does, and prints. How a node
// is put together, starts and stops is in package node.
//
// Exit codes, of every command: 0 done; 1 failed, or found something wrong; 2 wrong use.
// Results go to standard output, as a table or with --json as JSON, everything else to
// standard error.
package main

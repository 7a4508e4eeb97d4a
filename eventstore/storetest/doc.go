// Package storetest is the contract of the event store: one suite that every
// database it runs on has to pass, with a case for each promise of package
// eventstore.
package storetest

// Package logtest makes logs of orders for tests of what is projected from them: an event store on a
// new database, and the commands of whole histories.
package logtest

// Package storetest is what every store of orders has to pass. There are three suites:
//
//   - Run, for any store that appends units of work and loads streams, in a database or in memory;
//   - RunLeases, for one that also has the leases on its messages: the event store with those of package
//     messaging, and the store in memory of the handlers' tests;
//   - RunDatabase, for the event store on a database. It includes Run, and what a store in memory does not
//     have: reservations, partitions, group commit, hashes, what is remembered of other processes.
package storetest

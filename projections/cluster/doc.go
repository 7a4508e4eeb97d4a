// Package cluster is what is known of the cluster as a whole. Each node counts what it records; one node looks at the
// queues for all; and every node can add up what all have counted.
//
// What it promises:
//
//   - A figure is as of a time of the database's clock. An earlier one never takes the place of a later one,
//     whoever writes it (Figures).
//   - What waits is counted up to 10,000 messages of each topic, and no other table is counted that may be large
//     (Surveyor).
//   - The list of diagnoses is what the survey of the last figure found. What differs is written, in small transactions
//     that stop where a later figure has been written (Listing).
//   - What a node counts costs the database no statement of its own, but for one a minute in which something has
//     happened: the last minute goes out with a heartbeat (Meter, Minutes). What commands record is not counted; what
//     nodes record for operators is.
//   - Quantiles of waits and runs are within 2 % of the true ones, by the clocks of the nodes that recorded the events.
package cluster

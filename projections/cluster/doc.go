// Package cluster is what is known of the cluster as a whole: figures that one node finds for all.
//
// What it promises:
//
//   - A figure is as of a time of the database's clock. An earlier one never takes the place of a later one,
//     whoever writes it (Figures).
package cluster

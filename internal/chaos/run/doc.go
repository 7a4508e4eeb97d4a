// Command run is `make chaos`: it builds the binary, runs a schedule of faults against a
// cluster of real processes under load, judges what is left, and prints a table. It exits
// 1 if a promise was broken, and then keeps the evidence.
package main

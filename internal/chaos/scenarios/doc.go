// Package scenarios holds the tests of what random faults do not show well: orders that
// kill their nodes, joining, a rolling restart, an overload, a database that is away. They
// run real processes for minutes, so that they want ORDERFLOW_TEST_LONG.
package scenarios

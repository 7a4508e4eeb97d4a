// Package viewtest holds the rows of the orders against the streams of events, for tests.
package viewtest

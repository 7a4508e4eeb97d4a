// Package stored is the form of JSON in which the system stores things and sends them out:
// compact, members in declared order, no HTML escapes, times in UTC with microseconds.
//
// What is stored most often is written by Object and read by Scanner, without reflection.
// Object writes byte for byte what encoding/json would; Scanner reads only what was
// written in this form, and leaves the rest to encoding/json.
//
// The package knows nothing of orders and imports the standard library alone.
package stored

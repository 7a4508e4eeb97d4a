// Package operations is the SQL on what operators did and what they want.
//
// What it promises:
//
//   - The log of operations is append-only: a trigger refuses to change it, and "orderflow check" proves that the
//     trigger is there. What operators did to one order is in the order's history, and not here.
//   - An operation and its effect are one transaction. What changes nothing leaves no operation.
//   - A control is in force from the commit that sets it to the commit that clears it, or until the registration ends
//     that it is for. Of two that are set at once the later one holds, and each has its operation.
//   - There is one open alarm of a code and a subject. A round of the watchdog is written whole or not at all, and of two
//     that come after the same round one is. Alarms that were cleared are kept for 90 days.
//   - Controls are read in one question, which waits briefly for rows that somebody has locked, and passes over none: a
//     control that is passed over would look like one that was taken back.
package operations

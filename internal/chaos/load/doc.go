// Package load is the customers, and operators who take orders back. Customers place orders at a
// steady rate with whichever node answers, and again, under the same tracking id, when none did.
// Some orders are placed by two customers at every node at once, with one tracking id or one
// idempotency key. What was answered 202 is kept with its time, outside the system. Operators
// cancel some of the orders, and place some of those anew.
package load

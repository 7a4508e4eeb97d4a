package messaging_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/schema"
	"orderflow/transport/messaging/inflight"
)

// ledger sees which rows a transaction changes.
type ledger struct {
	t *testing.T
	claiming
}

// places says whose the rows of a table are: by the value in a column, or else of what the table is for.
var places = []struct{ table, column, of string }{
	{"heads", "partition", ""}, {"events", "partition", ""}, {"outbox", "partition", ""}, {"consumer_offsets", "partition", ""},
	{"inflight", "partition", ""}, {"dead_letters", "partition", ""}, {"checkpoints", "partition", ""}, {"orders", "order_id", ""},
	{"reservations", "", "keys"}, {"nodes", "", "nodes"},
}

// rows are all rows there are, and whose each is.
func (l *ledger) rows() map[string]string {
	l.t.Helper()
	all := map[string]string{}
	for _, p := range places {
		rows, err := l.db.QueryContext(l.t.Context(), `SELECT * FROM `+p.table)
		must(l.t, err)
		columns, err := rows.Columns()
		must(l.t, err)
		for rows.Next() {
			values, into := make([]any, len(columns)), make([]any, len(columns))
			for i := range into {
				into[i] = &values[i]
			}
			must(l.t, rows.Scan(into...))
			all[p.table+fmt.Sprint(values)] = l.owner(p.of, slices.Index(columns, p.column), values)
		}
		must(l.t, errors.Join(rows.Err(), rows.Close()))
	}
	return all
}

func (l *ledger) owner(of string, column int, values []any) string {
	if column < 0 {
		return of
	}
	if id, isOrder := values[column].([]byte); isOrder {
		return fmt.Sprint("partition ", l.Partition(domain.OrderID(id)))
	}
	return fmt.Sprint("partition ", values[column])
}

// changed says whose rows are changed by what is done, which must be one transaction.
func (l *ledger) changed(what string, do func()) []string {
	l.t.Helper()
	before, was := l.rows(), l.db.Stats().Transactions
	do()
	transactions, after := l.db.Stats().Transactions-was, l.rows()
	owners := map[string]bool{}
	for row, owner := range before {
		if _, stays := after[row]; !stays {
			owners[owner] = true
		}
	}
	for row, owner := range after {
		if _, was := before[row]; !was {
			owners[owner] = true
		}
	}
	if transactions != 1 {
		l.t.Errorf("%s: %d transactions, want one", what, transactions)
	}
	return slices.Sorted(maps.Keys(owners))
}

// changes fails the test unless what is done changes just the rows of those who are named, in one transaction.
func (l *ledger) changes(what string, do func(), owners ...string) {
	l.t.Helper()
	slices.Sort(owners)
	if got := l.changed(what, do); !slices.Equal(got, owners) {
		l.t.Errorf("%s: rows of %q are changed, want those of %q", what, got, owners)
	}
}

// decided is what commands decide on an order as it is stored.
func (l *ledger) decided(id domain.OrderID, commands ...domain.Command) work.Unit {
	l.t.Helper()
	events, err := l.Load(l.t.Context(), id)
	if err != nil && !errors.Is(err, domain.ErrNotFound) {
		l.t.Fatal(err)
	}
	o, err := domain.Fold(events)
	must(l.t, err)
	o.ID = id
	u, err := work.Prepare(&o, domain.Metadata{}, commands...)
	must(l.t, err)
	return u
}

// append appends a unit, and gives the lease that comes of it.
func (l *ledger) append(u work.Unit, also func(context.Context, *schema.Tx) error) (next work.Lease) {
	l.t.Helper()
	o, err := l.AppendWith(l.t.Context(), u, also)
	must(l.t, err)
	if o.Next != nil {
		next = o.Next.Lease
	}
	return next
}

// orderIn is an order id of a partition.
func (l *ledger) orderIn(partition int, serial byte) domain.OrderID {
	id := domain.OrderID{0: serial}
	for l.Partition(id) != partition {
		id[15]++
	}
	return id
}

// place places an order of a partition, under two keys. The order and its messages are that partition's.
func (l *ledger) place(partition int, serial byte) domain.OrderID {
	l.t.Helper()
	id := l.orderIn(partition, serial)
	u := l.decided(id, domain.Place{Detail: []byte(`{}`)})
	u.Reservations = []work.Reservation{{Key: fmt.Sprint("a", serial)}, {Key: fmt.Sprint("b", serial)}}
	l.changes("placing", func() { l.append(u, nil) }, of(partition), "keys")
	return id
}

func of(partition int) string { return fmt.Sprint("partition ", partition) }

// claimer claims as a node of many slots.
func (l *ledger) claimer() *inflight.Claimer {
	return inflight.NewClaimer(l.db, inflight.ClaimerConfig{Group: "workers", Slots: 50, AloneAfter: 9, Losses: inflight.NewLosses(l.db, inflight.LossesConfig{})})
}

// claimed claims from the first so many sources.
func (l *ledger) claimed(by work.Tenure, most int) []work.Lease {
	l.t.Helper()
	c, round := l.claimer(), inflight.Round{Tenure: by, Topics: work.Topics(), Free: 50}
	sources, err := c.Look(l.t.Context(), round)
	must(l.t, err)
	sources = slices.DeleteFunc(sources, func(x inflight.Source) bool { return x.Returned })
	got, err := c.Claim(l.t.Context(), round, sources[:min(most, len(sources))])
	must(l.t, err)
	return leasesOf(l.t, got.Claims)
}

// returned are the messages that were given back or are a lost node's.
func (l *ledger) returned(by work.Tenure) []inflight.Returned {
	l.t.Helper()
	c, round := l.claimer(), inflight.Round{Tenure: by, Topics: work.Topics(), Free: 50}
	sources, err := c.Look(l.t.Context(), round)
	must(l.t, err)
	all, err := c.Returned(l.t.Context(), round, sources)
	must(l.t, err)
	return all
}

func (l *ledger) takeOver(all []inflight.Returned) []work.Lease {
	l.t.Helper()
	claims, err := l.claimer().TakeOver(l.t.Context(), all)
	must(l.t, err)
	return leasesOf(l.t, claims)
}

func leasesOf(t *testing.T, claims []inflight.Claim) (leases []work.Lease) {
	t.Helper()
	for _, x := range claims {
		leases = append(leases, x.Lease)
	}
	if len(leases) == 0 {
		t.Fatal("nothing was claimed")
	}
	return leases
}

// partitionsOf are those of leases, which l.changes names.
func partitionsOf(leases []work.Lease) (owners []string) {
	for _, x := range leases {
		owners = append(owners, of(x.Partition))
	}
	slices.Sort(owners)
	return slices.Compact(owners)
}

func (l *ledger) acknowledge(by work.Tenure, leases ...work.Lease) {
	l.t.Helper()
	round := inflight.Round{Tenure: by, Topics: work.Topics()}
	for _, x := range leases {
		round.Acks = append(round.Acks, inflight.Ack{Lease: x})
	}
	got, err := l.claimer().Claim(l.t.Context(), round, nil)
	must(l.t, err)
	if len(got.Late) != 0 {
		l.t.Errorf("acknowledged too late: %+v", got.Late)
	}
}

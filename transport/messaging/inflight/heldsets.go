package inflight

import (
	"database/sql"
	"strconv"

	"orderflow/domain/work"
	"orderflow/schema"
)

// rowsOf is what many leases have in common: nearly always there is one.
type rowsOf struct {
	group, topic string // the first topic of their rows
	partition    int
	holder       work.Registration
}

// heldSets are leases that are looked at with one statement, for a database that has one
// writer at a time: who writes has locked everything, and to read a row is to lock it.
type heldSets map[rowsOf][]numbered

// numbered is a lease and the number of its request.
type numbered struct {
	lease  work.Lease
	number int
}

// add adds the request if a look at the row is all there is to do now.
func (s *heldSets) add(r work.SettleRequest, number int) bool {
	if r.Settle != work.SettleKeep {
		return false
	}
	if *s == nil {
		*s = heldSets{}
	}
	l := r.Lease
	of := rowsOf{l.Group, l.FirstTopic, l.Partition, l.Registration}
	(*s)[of] = append((*s)[of], numbered{l, number})
	return true
}

// ask gives the statements, which tell held which leases are.
func (s heldSets) ask(held []bool) (questions []schema.Question) {
	const width = 4
	for of, leases := range s {
		_ = schema.Rows(len(leases), width, func(from, to int, values string) error {
			n := (to - from) * width
			args := make([]any, 0, n+5)
			for _, l := range leases[from:to] {
				args = append(args, l.lease.FirstPosition, l.lease.Position, l.lease.Attempt, l.number)
			}
			questions = append(questions, schema.Question{
				Query: heldIn(values, n), Args: append(args, of.group, of.topic, of.partition, of.holder.Node, of.holder.Epoch),
				Read: func(rows *sql.Rows) error { return mark(rows, held) },
			})
			return nil
		})
	}
	return questions
}

// heldIn asks which of the leases in values are held, of rows named by the five
// placeholders after the first n. CROSS JOIN has SQLite look up a row for each, by the
// table's key.
func heldIn(values string, n int) string {
	p := func(i int) string { return "?" + strconv.Itoa(n+i) }
	return `SELECT v.column4 FROM (VALUES ` + values + `) v CROSS JOIN inflight i
		ON i.consumer_group = ` + p(1) + ` AND i.first_topic = ` + p(2) + ` AND i.partition = ` + p(3) + ` AND i.first_position = v.column1
		AND i.node = ` + p(4) + ` AND i.epoch = ` + p(5) + ` AND i.attempt = v.column3 AND i.position = v.column2`
}

// mark notes which leases are held.
func mark(rows *sql.Rows, held []bool) error {
	for rows.Next() {
		var number int
		if err := rows.Scan(&number); err != nil {
			return err
		}
		held[number] = true
	}
	return rows.Err()
}

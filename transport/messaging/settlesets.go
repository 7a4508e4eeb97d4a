package messaging

import (
	"database/sql"
	"strconv"

	"orderflow/domain"
	"orderflow/schema"
)

// owner is whose leases are settled together: nearly always there is one.
type owner struct {
	group, node string
	epoch       int64
}

func ownerOf(l *domain.Lease) owner { return owner{l.Group, l.Node, l.Epoch} }

// leaseSets are leases that are settled with one statement of a kind for each owner, for a
// database that has one writer at a time: who writes has locked everything, and to read
// a row is to lock it. A lease has the number of its request, or several.
type leaseSets struct {
	kept, ended map[owner]map[heldKey][]int
	taken       map[owner][]int
}

// take takes the request, unless it is of a rare kind.
func (s *leaseSets) take(r domain.SettleRequest, number int) bool {
	sets := &s.kept
	switch r.Settle {
	case domain.SettleKeep:
	case domain.SettleDone, domain.SettlePass: // Pass inserts the row anew
		sets = &s.ended
	case domain.SettleTake:
		if s.taken == nil {
			s.taken = map[owner][]int{}
		}
		o := ownerOf(r.Lease)
		s.taken[o] = append(s.taken[o], number)
		return true
	default:
		return false
	}
	if *sets == nil {
		*sets = map[owner]map[heldKey][]int{}
	}
	o, key := ownerOf(r.Lease), keyOf(r.Lease)
	if (*sets)[o] == nil {
		(*sets)[o] = map[heldKey][]int{}
	}
	(*sets)[o][key] = append((*sets)[o][key], number)
	return true
}

// settle gives the statements, which tell held which leases were found.
func (s *leaseSets) settle(d schema.Dialect, held []bool) (questions []schema.Question) {
	for o, requests := range s.taken {
		questions = append(questions, standing(d, o, func(yes bool) {
			for _, i := range requests {
				held[i] = yes
			}
		}))
	}
	for o, set := range s.kept {
		questions = append(questions, keepSet(o, set, held))
	}
	for o, set := range s.ended {
		questions = append(questions, endSet(o, set, held)...)
	}
	return questions
}

// ofOwner are an owner's rows; the index inflight_node finds them. A node has as many as
// it has slots.
const ofOwner = ` WHERE node = ?1 AND epoch = ?2 AND consumer_group = ?3`

const leaseColumns = `topic, partition, position, attempt`

func keepSet(o owner, set map[heldKey][]int, held []bool) schema.Question {
	return schema.Question{
		Query: `SELECT ` + leaseColumns + ` FROM inflight` + ofOwner, Args: []any{o.node, o.epoch, o.group},
		Read: func(rows *sql.Rows) error { return mark(rows, set, held) },
	}
}

func endSet(o owner, set map[heldKey][]int, held []bool) (questions []schema.Question) {
	leases := make([]heldKey, 0, len(set))
	for k := range set {
		leases = append(leases, k)
	}
	const first, width = 3, 4
	_ = schema.Rows(len(leases), width, func(from, to int, values string) error {
		args := make([]any, 0, first+(to-from)*width)
		for _, k := range leases[from:to] {
			args = append(args, k.topic, k.partition, k.position, k.attempt)
		}
		args = append(args, o.node, o.epoch, o.group)
		n := (to - from) * width
		questions = append(questions, schema.Question{
			Query: `DELETE FROM inflight WHERE node = ?` + strconv.Itoa(n+1) + ` AND epoch = ?` + strconv.Itoa(n+2) + ` AND consumer_group = ?` + strconv.Itoa(n+3) +
				` AND (` + leaseColumns + `) IN (VALUES ` + values + `) RETURNING ` + leaseColumns,
			Args: args, Read: func(rows *sql.Rows) error { return mark(rows, set, held) },
		})
		return nil
	})
	return questions
}

// mark notes which leases were found.
func mark(rows *sql.Rows, set map[heldKey][]int, held []bool) error {
	for rows.Next() {
		var k heldKey
		if err := rows.Scan(&k.topic, &k.partition, &k.position, &k.attempt); err != nil {
			return err
		}
		for _, i := range set[k] {
			held[i] = true
		}
	}
	return rows.Err()
}

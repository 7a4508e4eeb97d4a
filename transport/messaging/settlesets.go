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

// settleSets settles the leases of each owner with one statement of a kind, for a database
// that has one writer at a time: who writes has locked everything, and to read a row is to
// lock it. What is rare is left to settleEach.
func (s Leases) settleSets(d schema.Dialect, requests []domain.SettleRequest, held []bool) ([]schema.Question, error) {
	kept, ended := map[owner]map[heldKey][]int{}, map[owner]map[heldKey][]int{}
	var rest []domain.SettleRequest
	var restAt []int
	for i, r := range requests {
		sets := kept
		switch r.Settle {
		case domain.SettleKeep:
		case domain.SettleDone, domain.SettlePass: // Pass inserts the row anew
			sets = ended
		default:
			rest, restAt = append(rest, r), append(restAt, i)
			continue
		}
		o := owner{r.Lease.Group, r.Lease.Node, r.Lease.Epoch}
		if sets[o] == nil {
			sets[o] = map[heldKey][]int{}
		}
		key := keyOf(r.Lease)
		sets[o][key] = append(sets[o][key], i)
	}
	var questions []schema.Question
	for o, set := range kept {
		questions = append(questions, keepSet(o, set, held))
	}
	for o, set := range ended {
		questions = append(questions, endSet(o, set, held)...)
	}
	if len(rest) == 0 {
		return questions, nil
	}
	answers := make([]bool, len(rest))
	others, err := s.settleEach(d, rest, answers)
	for i := range others {
		if tell := others[i].Changed; tell != nil {
			others[i].Changed = func(rows int64) {
				tell(rows)
				for j, at := range restAt {
					held[at] = answers[j]
				}
			}
		}
	}
	return append(questions, others...), err
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

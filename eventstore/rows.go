package eventstore

import (
	"crypto/sha256"
	"database/sql"
	"fmt"

	"orderflow/domain"
	"orderflow/schema"
)

// readTails reads the last event of the streams the group appends to. What this store
// knows of a stream is taken for granted where the append expects the same: should
// another node have appended since, the version is taken, the insert fails for its key,
// and the group is done again carefully. It is never taken for a conflict.
func (c *commit) readTails(group []*pending) (questions []schema.Question) {
	c.tails = make(map[domain.OrderID]tail, len(group))
	var ids []any
	for _, p := range group {
		if _, asked := c.tails[p.OrderID]; asked || len(p.recorded) == 0 {
			continue
		}
		t, expected := c.known(p)
		c.tails[p.OrderID] = t
		if !expected {
			ids = append(ids, p.OrderID[:])
		}
	}
	_ = schema.AnyOf(c.tx.Dialect(), "e.stream_id", ids, func(condition string, args []any) error {
		questions = append(questions, schema.Question{Query: `SELECT e.stream_id, e.version, e.recorded_at, e.hash FROM events e
			WHERE ` + condition + `
			AND e.version = (SELECT MAX(v.version) FROM events v WHERE v.stream_id = e.stream_id)`, Args: args, Read: c.scanTails})
		return nil
	})
	return questions
}

// known is the end of an append's stream as this store knows it, and whether it is the
// one that the append expects.
func (c *commit) known(p *pending) (t tail, expected bool) {
	switch last, known := c.store.recent.last(p.OrderID); {
	case c.careful:
		return t, false
	case p.Expected == 0 && !known:
		return tail{remembered: true}, true
	case known && last.Version == p.Expected:
		return tail{version: last.Version, at: schema.Time{Time: last.RecordedAt}, hash: last.Hash, remembered: true}, true
	}
	return t, false
}

func (c *commit) scanTails(rows *sql.Rows) error {
	for rows.Next() {
		var id []byte
		var t tail
		if err := rows.Scan(&id, &t.version, &t.at, &t.hash); err != nil {
			return err
		}
		c.tails[domain.OrderID(id)] = t
	}
	return nil
}

// reservation is a row of the reservations.
type reservation struct {
	key         string // not stored
	hash        [sha256.Size]byte
	order       domain.OrderID
	fingerprint [32]byte
	at          schema.Time
	bare        bool // its order is not in the log
}

// readReservations reads the holders of every key the group wants, and whether their orders are in
// the log, as they are unless somebody has altered the database. Where no key is taken, which is nearly
// always, no event is looked for.
func (c *commit) readReservations(group []*pending) (questions []schema.Question) {
	c.keys = map[[sha256.Size]byte]reservation{}
	var keys []any
	for _, p := range group {
		for i := range p.keys {
			keys = append(keys, p.keys[i].hash[:])
		}
	}
	_ = schema.AnyOf(c.tx.Dialect(), "r.key_hash", keys, func(condition string, args []any) error {
		questions = append(questions, schema.Question{
			Query: `SELECT r.key_hash, r.order_id, r.fingerprint,
				CASE WHEN EXISTS (SELECT 1 FROM events e WHERE e.stream_id = r.order_id AND e.version = 1) THEN 0 ELSE 1 END
				FROM reservations r WHERE ` + condition, Args: args, Read: c.scanReservations,
		})
		return nil
	})
	return questions
}

func (c *commit) scanReservations(rows *sql.Rows) error {
	for rows.Next() {
		var hash, order, fingerprint []byte
		var bare int
		if err := rows.Scan(&hash, &order, &fingerprint, &bare); err != nil {
			return err
		}
		c.keys[[sha256.Size]byte(hash)] = reservation{order: domain.OrderID(order), fingerprint: [32]byte(fingerprint), bare: bare != 0}
	}
	return nil
}

// reserve takes the append's keys, or says which order holds one of them.
func (c *commit) reserve(p *pending) error {
	for _, r := range p.keys {
		held, taken := c.keys[r.hash]
		if taken && held.bare {
			return fmt.Errorf("%w: a key that is asked for is reserved for order %s, which is not in the log: run \"orderflow check\"", domain.ErrCorrupt, held.order)
		}
		if taken {
			return &domain.DuplicateError{OrderID: held.order, Key: r.key, Same: held.fingerprint == r.fingerprint}
		}
	}
	for _, r := range p.keys {
		r.at = schema.Time{Time: c.now()}
		c.keys[r.hash] = r
		c.reserved = append(c.reserved, r)
	}
	return nil
}

func (c *commit) insertReservations() (questions []schema.Question) {
	_ = schema.Rows(len(c.reserved), 4, func(from, to int, values string) error {
		args := make([]any, 0, (to-from)*4)
		for _, r := range c.reserved[from:to] {
			args = append(args, r.hash[:], r.order[:], r.fingerprint[:], c.stored.of(r.at.Time))
		}
		questions = append(questions, schema.Question{
			Query: `INSERT INTO reservations (key_hash, order_id, fingerprint, created_at) VALUES ` + values, Args: args,
		})
		return nil
	})
	return questions
}

func (c *commit) insertEvents() (questions []schema.Question) {
	const width = 9
	l := c.lane()
	all := l.args[:0]
	for _, r := range c.events {
		all = append(all, r.Position, r.Partition, r.OrderID[:], r.Version, r.Type,
			schema.Text(r.Data), schema.Text(r.RawMeta), c.stored.of(r.RecordedAt), r.Hash)
	}
	l.args = all
	_ = schema.Rows(len(c.events), width, func(from, to int, values string) error {
		args := all[from*width : to*width : to*width]
		questions = append(questions, schema.Question{Query: `INSERT INTO events
			(position, partition, stream_id, version, type, data, metadata, recorded_at, hash) VALUES ` + values, Args: args})
		return nil
	})
	return questions
}

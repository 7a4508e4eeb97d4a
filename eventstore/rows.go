package eventstore

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"time"

	"orderflow/domain"
	"orderflow/schema"
)

// head is the row of a partition, whose lock an append holds to its commit.
type head struct {
	partition int
	mark      mark   // the last event of the partition in the store's memory
	at        int64  // before the group
	taken     int64  // positions that were taken, some of which may stay unused
	believed  bool   // to be at the mark
	moved     bool   // it was at the mark, which is in the log
	marked    []byte // the hash that is stored at the mark, if the head was read
}

// move takes positions if the head is at the mark, and the mark is in the log. The change locks the row.
func (h *head) move(n int) []schema.Question {
	return []schema.Question{{
		Query: `UPDATE heads SET head = head + ?1 WHERE partition = ?2 AND head = ?3
			AND EXISTS (SELECT 1 FROM events WHERE partition = ?2 AND position = ?3 AND hash = ?4)`,
		Args:    []any{n, h.partition, h.mark.position, h.mark.hash},
		Want:    1,
		Changed: func(rows int64) { h.moved = rows == 1 },
	}}
}

// take takes n positions wherever the head is, and reads where that was. It also reads the hash at the
// mark, so that otherHistory can tell. The change locks the row.
func (h *head) take(n int) []schema.Question {
	h.taken = int64(n)
	return []schema.Question{
		{Query: `UPDATE heads SET head = head + ?1 WHERE partition = ?2`, Args: []any{n, h.partition}},
		{
			Query: `SELECT head, (SELECT hash FROM events WHERE partition = ?1 AND position = ?2) FROM heads WHERE partition = ?1`,
			Args:  []any{h.partition, h.mark.position},
			Read: func(rows *sql.Rows) error {
				if !rows.Next() {
					return cmp.Or(rows.Err(), fmt.Errorf("%w: partition %d has no head", domain.ErrCorrupt, h.partition))
				}
				err := rows.Scan(&h.at, &h.marked)
				h.at -= h.taken
				return err
			},
		},
	}
}

// otherHistory says whether the log no longer has the event at the mark.
func (h *head) otherHistory() bool {
	return h.taken > 0 && h.mark.position > 0 && !bytes.Equal(h.marked, h.mark.hash)
}

// asRemembered says whether the head was found at the mark.
func (h *head) asRemembered() bool { return h.moved || h.taken > 0 && h.at == h.mark.position }

// giveBack returns the positions that were taken and not used.
func (h *head) giveBack(used int) []schema.Question {
	if h.believed || h.taken == int64(used) {
		return nil
	}
	return []schema.Question{{Query: `UPDATE heads SET head = ?1 WHERE partition = ?2`, Args: []any{h.at + int64(used), h.partition}}}
}

// streamEnd is the last event of a stream; the zero value is that of an empty stream.
type streamEnd struct {
	version    int
	at         schema.Time
	hash       []byte
	remembered bool // and not read
}

// streamEnds are the ends of the streams to which a group appends.
type streamEnds map[domain.OrderID]streamEnd

// read reads the ends of some streams. SQL Server may make one pass over the whole table of a MAX.
func (e streamEnds) read(d schema.Dialect, ids []any) (questions []schema.Question) {
	_ = schema.AnyOf(d, "e.stream_id", ids, func(condition string, args []any) error {
		questions = append(questions, schema.Question{Query: `SELECT e.stream_id, e.version, e.recorded_at, e.hash FROM events e` + seek(d) + `
			WHERE ` + condition + `
			AND e.version = (SELECT v.version FROM events v` + seek(d) + ` WHERE v.stream_id = e.stream_id
				ORDER BY v.version DESC ` + d.Limit("1") + `)`, Args: args, Read: e.scan})
		return nil
	})
	return questions
}

func (e streamEnds) scan(rows *sql.Rows) error {
	for rows.Next() {
		var id []byte
		var end streamEnd
		if err := rows.Scan(&id, &end.version, &end.at, &end.hash); err != nil {
			return err
		}
		e[domain.OrderID(id)] = end
	}
	return nil
}

// keyHash is what a key is stored as.
type keyHash = [sha256.Size]byte

// reservation is a row of the reservations.
type reservation struct {
	key         string // not stored
	hash        keyHash
	order       domain.OrderID
	fingerprint [32]byte
	at          time.Time
	bare        bool // its order is not in the log
}

// holders are the reservations of the keys that a group wants.
type holders map[keyHash]reservation

// read reads who holds some keys, and whether their orders are in the log, as they are unless
// somebody has altered the database. Where no key is taken, which is nearly always, no event is
// looked for.
func (h holders) read(d schema.Dialect, keys []any) (questions []schema.Question) {
	_ = schema.AnyOf(d, "r.key_hash", keys, func(condition string, args []any) error {
		questions = append(questions, schema.Question{
			Query: `SELECT r.key_hash, r.order_id, r.fingerprint,
				CASE WHEN EXISTS (SELECT 1 FROM events e` + seek(d) + ` WHERE e.stream_id = r.order_id AND e.version = 1) THEN 0 ELSE 1 END
				FROM reservations r` + seek(d) + ` WHERE ` + condition, Args: args, Read: h.scan,
		})
		return nil
	})
	return questions
}

func (h holders) scan(rows *sql.Rows) error {
	for rows.Next() {
		var hash, order, fingerprint []byte
		var bare int
		if err := rows.Scan(&hash, &order, &fingerprint, &bare); err != nil {
			return err
		}
		h[keyHash(hash)] = reservation{order: domain.OrderID(order), fingerprint: [32]byte(fingerprint), bare: bare != 0}
	}
	return nil
}

// free says which order holds one of the keys.
func (h holders) free(wanted []reservation) error {
	for _, r := range wanted {
		held, taken := h[r.hash]
		if taken && held.bare {
			return fmt.Errorf("%w: a key that is asked for is reserved for order %s, which is not in the log: run \"orderflow check\"", domain.ErrCorrupt, held.order)
		}
		if taken {
			return &domain.DuplicateError{OrderID: held.order, Key: r.key, Same: held.fingerprint == r.fingerprint}
		}
	}
	return nil
}

func insertReservations(all []reservation, text func(time.Time) string) []schema.Question {
	if len(all) == 0 {
		return nil
	}
	const width = 4
	args := make([]any, 0, len(all)*width)
	for _, r := range all {
		args = append(args, r.hash[:], r.order[:], r.fingerprint[:], text(r.at))
	}
	return []schema.Question{{
		Query: `INSERT INTO reservations (key_hash, order_id, fingerprint, created_at) VALUES *`, Args: args, Width: width,
	}}
}

// insertEvents uses buf for the arguments, and gives it back.
func insertEvents(all []*domain.Recorded, text func(time.Time) string, buf []any) (questions []schema.Question, _ []any) {
	if len(all) == 0 {
		return nil, buf
	}
	buf = buf[:0]
	for _, r := range all {
		buf = append(buf, r.Position, r.Partition, r.OrderID[:], r.Version, r.Type,
			schema.Text(r.Data), schema.Text(r.RawMeta), text(r.RecordedAt), r.Hash)
	}
	return []schema.Question{{Query: `INSERT INTO events
			(position, partition, stream_id, version, type, data, metadata, recorded_at, hash) VALUES *`, Args: buf, Width: 9}}, buf
}

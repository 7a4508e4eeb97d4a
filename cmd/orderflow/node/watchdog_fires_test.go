package node

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/handlers/operate"
)

// fingerprint is that of an order with a tracking id and no detail.
func fingerprint(tracking string) [sha256.Size]byte {
	return sha256.Sum256(append(binary.BigEndian.AppendUint64(nil, uint64(len(tracking))), tracking...))
}

// aside moves rows of a table to one like it, and gives what moves them back.
func (w *ward) aside(table, columns, which string, args ...any) (back func()) {
	w.t.Helper()
	if w.db.Dialect().Name() == "sqlserver" {
		w.exec(`SELECT `+columns+` INTO aside FROM `+table+` WHERE `+which, args...)
	} else {
		w.exec(`CREATE TABLE aside AS SELECT `+columns+` FROM `+table+` WHERE `+which, args...)
	}
	w.tamper(`DELETE FROM `+table+` WHERE `+which, args...)
	return func() {
		w.tamper(`INSERT INTO ` + table + ` (` + columns + `) SELECT ` + columns + ` FROM aside`)
		w.exec(`DROP TABLE aside`)
	}
}

const (
	eventColumns = `position, partition, stream_id, version, type, data, metadata, recorded_at, hash`
	nodeColumns  = `node, epoch, state, slots, busy, host, pid, version, roles, admin, started_at, heartbeat_at, expires_at, event_level`
)

// fires are the causes of all alarms.
func fires() []fire {
	return append(firesInLog(), firesAround()...)
}

func firesInLog() []fire {
	return []fire{
		{operate.LogDamaged, "its hash does not fit", nil, func(w *ward) func() {
			hash := w.texts(`SELECT hash FROM events WHERE stream_id = ?1 AND version = 1`, w.id[:])[0]
			w.tamper(`UPDATE events SET hash = ?2 WHERE stream_id = ?1 AND version = 1`, w.id[:], make([]byte, sha256.Size))
			return func() {
				w.tamper(`UPDATE events SET hash = ?2 WHERE stream_id = ?1 AND version = 1`, w.id[:], []byte(hash))
			}
		}},
		{operate.LogDamaged, "position 3 follows 1", []work.AlarmCode{operate.IllegalHistory}, func(w *ward) func() {
			w.do(work.Lease{}, work.SettleKeep, domain.StartStep{Step: domain.Scheduling, Attempt: 1, Node: "a"})
			w.do(work.Lease{}, work.SettleKeep, domain.CompleteStep{Step: domain.Scheduling, Attempt: 1})
			w.project()
			return w.aside("events", eventColumns, "stream_id = ?1 AND version = 2", w.id[:])
		}},
		{operate.IllegalHistory, "was open", []work.AlarmCode{operate.ViewWrong, operate.OrderStuck}, func(w *ward) func() {
			return w.forge(`{"step":"Processing","attempt":1,"node":"a"}`)
		}},
		{operate.OrderStuck, "neither waiting nor in flight", nil, func(w *ward) func() {
			return w.aside("outbox", "topic, partition, position, uuid, payload, metadata, created_at", "1 = 1")
		}},
		{operate.KeysWrong, "no reservation of it", nil, func(w *ward) func() {
			return w.aside("reservations", "key_hash, order_id, fingerprint, created_at", "order_id = ?1", w.id[:])
		}},
		{operate.ViewWrong, `the view says "Failed"`, nil, func(w *ward) func() {
			status := w.texts(`SELECT status FROM orders WHERE order_id = ?1`, w.id[:])[0]
			w.exec(`UPDATE orders SET status = 'Failed' WHERE order_id = ?1`, w.id[:])
			return func() { w.exec(`UPDATE orders SET status = ?2 WHERE order_id = ?1`, w.id[:], status) }
		}},
		{operate.CheckBehind, "wait to be checked", []work.AlarmCode{operate.BeyondHead, operate.ProjectionStopped}, func(w *ward) func() {
			w.exec(`UPDATE heads SET head = head + 200000 WHERE partition = 0`)
			return func() { w.exec(`UPDATE heads SET head = head - 200000 WHERE partition = 0`) }
		}},
		{operate.ProjectionBehind, "behind the events", []work.AlarmCode{operate.ProjectionStopped}, func(w *ward) func() {
			w.placeAnother(1, -2*time.Minute)
			return w.project
		}},
		{operate.ProjectionStopped, "nothing was applied for", nil, func(w *ward) func() {
			w.placeAnother(2, 0)
			return w.project
		}},
		{operate.LogLost, `the log ends at \d+, and was checked up to`, []work.AlarmCode{operate.BeyondHead}, func(w *ward) func() {
			w.placeAnother(3, 0)
			w.project()
			w.round() // which checks it
			w.tamper(`DELETE FROM events WHERE position = (SELECT head FROM heads WHERE partition = 0)`)
			w.exec(`UPDATE heads SET head = head - 1 WHERE partition = 0`)
			w.exec(`DELETE FROM outbox WHERE position > (SELECT head FROM heads WHERE partition = 0)`)
			w.exec(`DELETE FROM orders WHERE order_id = ?1`, another(3))
			return func() {
				w.exec(`UPDATE checkpoints SET position = position - 1, counts = ?1 WHERE partition = 0 AND projection = 'orders'`, `{}`)
			}
		}},
	}
}

func another(n byte) []byte { return (&domain.OrderID{0xf0, 15: n})[:] }

// placeAnother appends another order, with a clock that is ahead.
func (w *ward) placeAnother(n byte, ahead time.Duration) {
	w.t.Helper()
	was := w.ahead
	defer func() { w.ahead = was }()
	w.ahead = ahead
	o := domain.Order{ID: domain.OrderID(another(n))}
	u, err := work.Prepare(&o, domain.Metadata{}, domain.Place{})
	must(w.t, err)
	_, err = w.store.Append(w.t.Context(), u)
	must(w.t, err)
}

func firesAround() []fire {
	set := func(do, undo string) func(w *ward) func() {
		return func(w *ward) func() { w.exec(do); return func() { w.exec(undo) } }
	}
	return []fire{
		{operate.BeyondHead, "orderflow projections rebuild", nil, set(
			`UPDATE checkpoints SET position = position + 1000 WHERE partition = 0`, `UPDATE checkpoints SET position = position - 1000 WHERE partition = 0`)},
		{operate.ProtectionAltered, "trigger events_.* is missing", nil, func(w *ward) func() {
			name, definition := "events_no_update", `SELECT sql FROM sqlite_master WHERE name = ?1`
			if w.db.Dialect().Name() == "sqlserver" {
				name, definition = "events_append_only", `SELECT m.definition FROM sys.triggers r JOIN sys.sql_modules m ON m.object_id = r.object_id WHERE r.name = ?1`
			}
			text := w.texts(definition, name)[0]
			w.exec(`DROP TRIGGER ` + name)
			return func() { w.exec(text) }
		}},
		{operate.SchemaOlder, "orderflow migrate", nil, set(`UPDATE goose_db_version SET version_id = -version_id`, `UPDATE goose_db_version SET version_id = -version_id`)},
		{operate.SchemaNewer, "cannot be compared", nil, set(`UPDATE goose_db_version SET version_id = version_id + 1000`, `UPDATE goose_db_version SET version_id = version_id - 1000`)},
		{operate.RoleMissing, "nobody works on orders", nil, set(`UPDATE nodes SET roles = 'api,projector'`, `UPDATE nodes SET roles = 'api,worker,projector'`)},
		{operate.NodeLost, "did not renew its registration", nil, func(w *ward) func() {
			b := w.join("b", "api", 0)
			w.expires(b, -time.Second)
			return func() { w.expires(b, -time.Hour) }
		}},
		{operate.NameShared, "two registrations are good", nil, func(w *ward) func() {
			w.exec(`INSERT INTO nodes (` + nodeColumns + `) SELECT node, epoch + 1, state, slots, busy, host, pid + 1, version, roles, admin, started_at, heartbeat_at, expires_at, event_level FROM nodes WHERE node = 'a'`)
			return func() { w.exec(`DELETE FROM nodes WHERE node = 'a' AND epoch > 1`) }
		}},
		{operate.DeadLetters, "wait for a decision: 1$", nil, func(w *ward) func() {
			w.exec(`INSERT INTO dead_letters (consumer_group, topic, partition, position, uuid, payload, metadata, attempt, interruptions, reason, parked_at)
				VALUES ('g', 't', 0, 1, 'u', ?1, '{}', 1, 1, 'r', '2026-01-01T00:00:00.000000')`, []byte{})
			return func() { w.exec(`DELETE FROM dead_letters`) }
		}},
		{operate.DiskNearlyFull, "a twentieth", nil, func(w *ward) func() {
			if w.db.Dialect().Name() != "sqlite" {
				return nil
			}
			w.full = true
			return func() { w.full = false }
		}},
		{operate.WatchdogFailing, "look at the dead letters", []work.AlarmCode{operate.ProtectionAltered}, func(w *ward) func() {
			rename := [2]string{`ALTER TABLE dead_letters RENAME TO gone`, `ALTER TABLE gone RENAME TO dead_letters`}
			if w.db.Dialect().Name() == "sqlserver" {
				rename = [2]string{`EXEC sp_rename 'dead_letters', 'gone', 'OBJECT'`, `EXEC sp_rename 'gone', 'dead_letters', 'OBJECT'`}
			}
			w.exec(rename[0])
			w.exec(`UPDATE watchdog SET succeeded_at = `+w.db.Dialect().NowPlus("?1"), -600_000)
			return func() { w.exec(rename[1]) }
		}},
	}
}

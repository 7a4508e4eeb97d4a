package inflight_test

import (
	"fmt"
	"os"
	"testing"

	"orderflow/domain/work"
	"orderflow/schema"
	"orderflow/schema/schematest"
	"orderflow/transport/messaging/inflight"
)

// BenchmarkClaimer_Look: what a look for messages costs must not depend on how many wait.
func BenchmarkClaimer_Look(b *testing.B) {
	open := map[string]func(testing.TB) *schema.DB{"sqlite": schematest.SQLite}
	if os.Getenv(schematest.Env) != "" {
		open["sqlserver"] = schematest.SQLServer
	}
	for dialect, open := range open {
		b.Run(dialect, func(b *testing.B) {
			db := open(b)
			schematest.Partitions(b, db, 4)
			topic := work.Topics()[0]
			for _, topic := range work.Topics() {
				must(b, inflight.MakeOffsets(b.Context(), db, "g", topic))
			}
			exec(b, db, `UPDATE heads SET head = 10000000`)
			c := inflight.NewClaimer(db, inflight.ClaimerConfig{Group: "g", Slots: 50})
			rows := int64(0)
			for _, waiting := range []int64{0, 1000, 1_000_000} {
				for rows < waiting {
					if rows == 0 {
						rows = exec(b, db, `INSERT INTO outbox (topic, partition, position, uuid, payload, metadata, created_at)
							SELECT ?1, partition, 1, 'u', ?2, '{}', '2026-11-22 15:04:05.000000' FROM heads WHERE partition >= 0`, topic, make([]byte, 40))
						continue
					}
					rows += exec(b, db, `INSERT INTO outbox (topic, partition, position, uuid, payload, metadata, created_at)
						SELECT topic, partition, position + ?2, uuid, payload, metadata, created_at FROM outbox WHERE topic = ?1`, topic, rows)
				}
				b.Run(fmt.Sprintf("%d waiting", rows), func(b *testing.B) {
					for b.Loop() {
						if _, err := c.Look(b.Context(), inflight.Round{Topics: work.Topics()}); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		})
	}
}

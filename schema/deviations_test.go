package schema_test

import (
	"fmt"
	"path"
	"testing"

	"orderflow/schema"
	"orderflow/schema/schematest"
)

// TestDB_Deviations changes the schema in one way at a time.
func TestDB_Deviations(t *testing.T) {
	type change struct {
		do   []string
		want string
	}
	changes := map[string]map[string]change{
		"sqlite": {
			"nothing":         {nil, "[]"},
			"twins exchanged": {[]string{`ALTER TABLE orders RENAME TO orders_last`, `ALTER TABLE orders_next RENAME TO orders`, `ALTER TABLE orders_last RENAME TO orders_next`}, "[]"},
			"index added":     {[]string{`CREATE INDEX mine ON events (type)`}, "[]"},
			"statistics":      {[]string{`ANALYZE`}, "[]"},
			"trigger dropped": {[]string{`DROP TRIGGER events_no_delete`}, "[trigger events_no_delete of table events is missing]"},
			"trigger altered": {[]string{`DROP TRIGGER events_no_update`, `CREATE TRIGGER events_no_update BEFORE UPDATE ON events WHEN 0 BEGIN SELECT RAISE(ABORT, 'events are append-only'); END`},
				"[trigger events_no_update of table events is altered]"},
			"trigger added": {[]string{`CREATE TRIGGER mine AFTER INSERT ON heads BEGIN SELECT 1; END`}, "[trigger mine of table heads is added]"},
			"index dropped": {[]string{`DROP INDEX orders_status`}, "[index orders_status of table orders is missing]"},
			"index of the other twin dropped": {[]string{`DROP INDEX orders_next_node`, `ALTER TABLE orders RENAME TO orders_last`, `ALTER TABLE orders_next RENAME TO orders`, `ALTER TABLE orders_last RENAME TO orders_next`},
				"[index orders_node of table orders is missing]"},
			"index altered": {[]string{`DROP INDEX events_stream`, `CREATE INDEX events_stream ON events (stream_id, version)`}, "[index events_stream of table events is altered]"},
			"table altered": {[]string{`ALTER TABLE heads ADD COLUMN more TEXT`}, "[table heads is altered]"},
			"table dropped": {[]string{`DROP TABLE reservations`}, "[table reservations is missing trigger reservations_no_delete of table reservations is missing trigger reservations_no_replace of table reservations is missing trigger reservations_no_update of table reservations is missing]"},
		},
		"sqlserver": {
			"nothing":          {nil, "[]"},
			"twins exchanged":  {[]string{`EXEC sp_rename 'orders', 'orders_last', 'OBJECT'`, `EXEC sp_rename 'orders_next', 'orders', 'OBJECT'`, `EXEC sp_rename 'orders_last', 'orders_next', 'OBJECT'`}, "[]"},
			"index added":      {[]string{`CREATE INDEX mine ON events (type)`}, "[]"},
			"trigger dropped":  {[]string{`DROP TRIGGER events_append_only`}, "[trigger events_append_only of table events is missing]"},
			"trigger disabled": {[]string{`DISABLE TRIGGER events_append_only ON events`}, "[trigger events_append_only of table events is disabled]"},
			"trigger altered": {[]string{`DROP TRIGGER events_append_only`, `CREATE TRIGGER events_append_only ON events INSTEAD OF DELETE AS BEGIN THROW 51000, 'events are append-only', 1; END`},
				"[trigger events_append_only of table events is altered]"},
			"index dropped": {[]string{`DROP INDEX events_stream ON events`}, "[index unique (stream_id, version) of table events is missing]"},
			"table altered": {[]string{`ALTER TABLE heads ADD more INT NULL`}, "[table heads is altered]"},
			"table dropped": {[]string{`DROP TABLE consumer_offsets`}, "[index unique (consumer_group, topic, partition) of table consumer_offsets is missing table consumer_offsets is missing]"},
		},
	}
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		for name, c := range changes[path.Base(t.Name())] {
			t.Run(name, func(t *testing.T) {
				db := open(t)
				for _, statement := range c.do {
					if err := db.InTx(t.Context(), func(tx *schema.Tx) error { _, err := tx.ExecContext(t.Context(), statement); return err }); err != nil {
						t.Fatal(err)
					}
				}
				found, err := db.Deviations(t.Context())
				if got := fmt.Sprint(found); err != nil || got != c.want {
					t.Errorf("found %s, err %v; want %s", got, err, c.want)
				}
			})
		}
	})
}

package schema_test

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"orderflow/schema"
	"orderflow/schema/schematest"
)

// TestMigration_inflight brings a database that is in use over migration 5: what is in
// flight stays so, each row under its own message, and a node of the version before can
// still add to it.
func TestMigration_inflight(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { testInflight(t, filepath.Join(t.TempDir(), "old.db")) })
	t.Run("sqlserver", func(t *testing.T) {
		schematest.NeedSQLServer(t)
		testInflight(t, schematest.SQLServerDSN(t))
	})
}

func testInflight(t *testing.T, dsn string) {
	ctx := t.Context()
	at := schema.TimeArg(time.Date(2026, 11, 22, 15, 4, 5, 0, time.UTC))
	later := schema.TimeArg(time.Date(2026, 11, 22, 15, 4, 6, 0, time.UTC))
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	db, err := schema.Open(ctx, dsn)
	must(err)
	defer func() { must(db.Close()) }()
	must(db.MigrateTo(ctx, 4))
	insert := func(topic string, partition, position int, node string) error {
		return db.InTx(ctx, func(tx *schema.Tx) error {
			_, err := tx.ExecContext(ctx, `INSERT INTO inflight (consumer_group, topic, partition, position, uuid, payload, metadata,
					node, epoch, attempt, interruptions, claimed_at, available_at)
				VALUES ('g', ?1, ?2, ?3, 'u', ?4, '{"k":"v"}', ?5, 7, 2, 1, ?6, ?7)`, topic, partition, position, []byte("p"), node, at, later)
			return err
		})
	}
	must(insert("a", 0, 3, "n"))
	must(insert("a", 1, 3, "n"))
	must(insert("b", 0, 9, ""))

	_, err = db.Migrate(ctx)
	must(err)
	rows, err := db.QueryContext(ctx, `SELECT topic, partition, position, node FROM inflight
		WHERE first_topic = topic AND first_position = position AND consumer_group = 'g' AND uuid = 'u' AND payload = ?1 AND metadata = '{"k":"v"}'
		AND epoch = 7 AND attempt = 2 AND interruptions = 1 AND claimed_at = ?2 AND available_at = ?3 ORDER BY topic, partition`, []byte("p"), at, later)
	must(err)
	defer func() { _ = rows.Close() }()
	type row struct {
		topic               string
		partition, position int
		node                string
	}
	var all []row
	for rows.Next() {
		var r row
		must(rows.Scan(&r.topic, &r.partition, &r.position, &r.node))
		all = append(all, r)
	}
	must(rows.Err())
	if want := []row{{"a", 0, 3, "n"}, {"a", 1, 3, "n"}, {"b", 0, 9, ""}}; !slices.Equal(all, want) {
		t.Fatalf("in flight after the migration: %+v, want %+v", all, want)
	}
	must(insert("a", 0, 4, "old"))
	must(insert("a", 0, 5, "old"))
	err = db.InTx(ctx, func(tx *schema.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO inflight (consumer_group, first_topic, partition, first_position, topic, position, uuid, payload, metadata,
				node, epoch, attempt, interruptions, claimed_at, available_at)
			SELECT consumer_group, topic, partition, position, 'other', 77, uuid, payload, metadata,
				node, epoch, attempt, interruptions, claimed_at, available_at FROM inflight WHERE topic = 'b'`)
		return err
	})
	if !errors.Is(err, schema.ErrDuplicateKey) {
		t.Errorf("a second row for the same message: err = %v, want ErrDuplicateKey", err)
	}
}

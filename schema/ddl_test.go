package schema

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// TestDDL_migrations reads the migrations of SQL Server, which can seldom be run, and holds what they
// make against the tables and columns of SQLite.
func TestDDL_migrations(t *testing.T) {
	_, files, err := sqlServer{}.migrations()
	if err != nil {
		t.Fatal(err)
	}
	text, err := migrationText(files, math.MaxInt64)
	if err != nil {
		t.Fatal(err)
	}
	made := ddlOf(text)
	db, err := Open(t.Context(), t.TempDir()+"/t.db")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	rows, err := db.QueryContext(t.Context(), `SELECT m.name, p.name FROM sqlite_master m JOIN pragma_table_info(m.name) p
		WHERE m.type = 'table' AND m.name NOT IN ('goose_db_version', 'lease_clock', 'sqlite_sequence')`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	theirs := map[string][]string{}
	for rows.Next() {
		var table, column string
		if err := rows.Scan(&table, &column); err != nil {
			t.Fatal(err)
		}
		theirs[table] = append(theirs[table], column)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for table, columns := range theirs {
		ours := slices.Sorted(slices.Values(made.tables[table]))
		if slices.Sort(columns); !slices.Equal(columns, ours) {
			t.Errorf("table %s has the columns %v, and SQLite's %v", table, ours, columns)
		}
	}
	if len(made.tables) != len(theirs) {
		t.Errorf("there are %d tables, and %d on SQLite", len(made.tables), len(theirs))
	}
	for _, want := range []index{
		{"events", true, []string{"partition", "position"}, false},
		{"events", true, []string{"stream_id", "version"}, false},
		{"heads", true, []string{"partition"}, true},
		{"outbox", true, []string{"topic", "partition", "position"}, true},
		{"consumer_offsets", true, []string{"consumer_group", "topic", "partition"}, true},
		{"nodes", true, []string{"node", "epoch"}, true},
		{"checkpoints", true, []string{"projection", "partition"}, true},
		{"probes", true, []string{"node"}, true},
		{"duties", true, []string{"duty"}, true},
		{"figures", true, []string{"name"}, true},
		{"minutes", true, []string{"closed_at", "node"}, true},
		{"diagnoses", true, []string{"order_id"}, true},
		{"diagnoses", false, []string{"reason", "order_id"}, true},
		{"controls", true, []string{"kind", "name"}, true},
		{"jobs", true, []string{"id"}, true},
		{"job_items", true, []string{"job_id", "seq"}, true},
		{"alarms", true, []string{"code", "subject"}, false},
		{"inflight", true, []string{"consumer_group", "first_topic", "partition", "first_position"}, true},
		{"inflight", false, []string{"node", "epoch"}, true},
	} {
		if text, there := made.objects()[want.object()]; !there || text != want.text() {
			t.Errorf("no index %v among %v", want, made.indexes)
		}
	}
	if _, there := made.objects()[index{"inflight", true, []string{"consumer_group", "topic", "partition", "position"}, false}.object()]; there {
		t.Error("the primary key that a migration dropped is still there")
	}
	if got := made.triggers["events_append_only"]; got.table != "events" || got.text != `CREATE TRIGGER events_append_only ON events INSTEAD OF UPDATE, DELETE AS BEGIN THROW 51000, 'events are append-only', 1; END` {
		t.Errorf("the trigger is %+v", got)
	}
}

func TestDDL_read(t *testing.T) {
	d := ddlOf(`-- +goose Up
-- a comment; with a semicolon
CREATE TABLE a (
    x INT NOT NULL CONSTRAINT a_pk PRIMARY KEY,
    y DECIMAL(10, 2) NULL,
    CONSTRAINT a_y UNIQUE (y, x)
);
CREATE INDEX a_x ON a (x DESC, y) WHERE y IS NOT NULL;
ALTER TABLE a ADD z INT NOT NULL CONSTRAINT a_z DEFAULT 0, w DECIMAL(3, 1) NULL;
ALTER TABLE a ADD CONSTRAINT a_w PRIMARY KEY (w) WITH (ALLOW_PAGE_LOCKS = OFF);
CREATE TABLE b (x INT NOT NULL);
CREATE TABLE c (x INT NOT NULL);
DROP TABLE IF EXISTS c;
ALTER TABLE a DROP CONSTRAINT a_pk;
ALTER TABLE a DROP COLUMN y;
-- +goose StatementBegin
CREATE TRIGGER t ON b INSTEAD OF DELETE AS
BEGIN
    THROW 51000, 'no', 1;
END;
-- +goose StatementEnd
DROP INDEX a_x ON a;
CREATE INDEX a_xz ON a (x, z) WITH (ALLOW_PAGE_LOCKS = OFF);
IF 1 = 1
    EXEC (N'ALTER INDEX a_y ON a SET (ALLOW_PAGE_LOCKS = OFF)');
`)
	const want = `map[a:[x z w] b:[x]] map[a_w:{a true [w] true} a_xz:{a false [x z] true} a_y:{a true [y x] true}] map[t:{b CREATE TRIGGER t ON b INSTEAD OF DELETE AS BEGIN THROW 51000, 'no', 1; END}]`
	if got := fmt.Sprint(d.tables, d.indexes, d.triggers); got != want {
		t.Errorf("read\n%s, want\n%s", got, want)
	}
	d.drop("b")
	if len(d.tables) != 1 || len(d.triggers) != 0 {
		t.Errorf("after the drop of b there are %v", d)
	}
}

package judge

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	_ "github.com/microsoft/go-mssqldb" // driver
	_ "modernc.org/sqlite"              // driver
)

// Event is a row of the log, as it is stored.
type Event struct {
	Partition  int
	Position   int64
	Stream     [16]byte
	Version    int
	Type       string
	Data       string
	Metadata   string
	RecordedAt time.Time
	Hash       []byte
}

// Order is the id of the event's order, in text.
func (e Event) Order() string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", e.Stream[:4], e.Stream[4:6], e.Stream[6:8], e.Stream[8:10], e.Stream[10:])
}

// View is a row of the projection.
type View struct {
	Version                         int
	Status, Tracking, Steps, Detail string
}

// Database is what the run left in the database.
type Database struct {
	Events []Event // by partition and position
	Heads  map[int]int64
	Views  map[[16]byte]View
	// Left is work that nobody has dealt with, by table.
	Left map[string]int
	// Reserved are the streams of the orders that keys are reserved for.
	Reserved [][16]byte
	// Letters are the dead letters' payloads.
	Letters []string
	// Alarms are those that the system's watchdog has raised.
	Alarms []Alarm
}

// Alarm is an alarm that was raised, whatever became of it.
type Alarm struct{ Code, Subject, What string }

// Connect opens the database of a DSN without the system's help.
func Connect(dsn string) (*sql.DB, error) {
	if strings.HasPrefix(dsn, "sqlserver:") {
		return sql.Open("sqlserver", dsn)
	}
	return sql.Open("sqlite", "file:"+strings.TrimPrefix(dsn, "sqlite:")+"?_pragma=busy_timeout(10000)")
}

// ReadDatabase reads all of it.
func ReadDatabase(ctx context.Context, db *sql.DB) (d Database, err error) {
	d = Database{Heads: map[int]int64{}, Views: map[[16]byte]View{}, Left: map[string]int{}}
	for _, read := range []func(context.Context, *sql.DB) error{d.readEvents, d.readHeads, d.readViews, d.readLeft, d.readReserved, d.readLetters, d.readAlarms} {
		if err := read(ctx, db); err != nil {
			return d, fmt.Errorf("read the database: %w", err)
		}
	}
	return d, nil
}

// each calls scan for every row of a query.
func each(ctx context.Context, db *sql.DB, query string, scan func(*sql.Rows) error) error {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (d *Database) readEvents(ctx context.Context, db *sql.DB) error {
	return each(ctx, db, `SELECT partition, position, stream_id, version, type, data, metadata, recorded_at, hash
		FROM events ORDER BY partition, position`, func(rows *sql.Rows) error {
		var e Event
		var stream []byte
		var at any
		if err := rows.Scan(&e.Partition, &e.Position, &stream, &e.Version, &e.Type, &e.Data, &e.Metadata, &at, &e.Hash); err != nil {
			return err
		}
		copy(e.Stream[:], stream)
		var err error
		e.RecordedAt, err = timeOf(at)
		d.Events = append(d.Events, e)
		return err
	})
}

func timeOf(v any) (time.Time, error) {
	switch v := v.(type) {
	case time.Time:
		return v.UTC(), nil
	case string:
		return time.Parse("2006-01-02T15:04:05.000000", v)
	}
	return time.Time{}, fmt.Errorf("a time is stored as %T", v)
}

func (d *Database) readHeads(ctx context.Context, db *sql.DB) error {
	return each(ctx, db, `SELECT partition, head FROM heads WHERE partition >= 0`, func(rows *sql.Rows) error {
		var partition int
		var head int64
		err := rows.Scan(&partition, &head)
		d.Heads[partition] = head
		return err
	})
}

func (d *Database) readViews(ctx context.Context, db *sql.DB) error {
	return each(ctx, db, `SELECT order_id, version, status, COALESCE(tracking_id, ''), steps, COALESCE(detail, '') FROM orders`, func(rows *sql.Rows) error {
		var id []byte
		var v View
		if err := rows.Scan(&id, &v.Version, &v.Status, &v.Tracking, &v.Steps, &v.Detail); err != nil {
			return err
		}
		d.Views[[16]byte(id)] = v
		return nil
	})
}

// left counts the work that nobody has dealt with.
const left = `SELECT 'inflight', COUNT(*) FROM inflight
	UNION ALL SELECT 'outbox', COUNT(*) FROM outbox m LEFT JOIN consumer_offsets o
		ON o.topic = m.topic AND o.partition = m.partition WHERE o.position IS NULL OR m.position > o.position
	UNION ALL SELECT 'projection', COUNT(*) FROM heads h LEFT JOIN checkpoints c
		ON c.partition = h.partition AND c.projection = 'orders' WHERE h.partition >= 0 AND (c.position IS NULL OR c.position <> h.head)`

func (d *Database) readLeft(ctx context.Context, db *sql.DB) (err error) {
	d.Left, err = Left(ctx, db)
	return err
}

// Left counts the work that nobody has dealt with, by table.
func Left(ctx context.Context, db *sql.DB) (map[string]int, error) {
	counts := map[string]int{}
	err := each(ctx, db, left, func(rows *sql.Rows) error {
		var table string
		var n int
		err := rows.Scan(&table, &n)
		if n > 0 {
			counts[table] = n
		}
		return err
	})
	return counts, err
}

func (d *Database) readReserved(ctx context.Context, db *sql.DB) error {
	return each(ctx, db, `SELECT order_id FROM reservations`, func(rows *sql.Rows) error {
		var id []byte
		if err := rows.Scan(&id); err != nil {
			return err
		}
		d.Reserved = append(d.Reserved, [16]byte(id))
		return nil
	})
}

func (d *Database) readLetters(ctx context.Context, db *sql.DB) error {
	return each(ctx, db, `SELECT payload FROM dead_letters`, func(rows *sql.Rows) error {
		var payload []byte
		err := rows.Scan(&payload)
		d.Letters = append(d.Letters, string(payload))
		return err
	})
}

func (d *Database) readAlarms(ctx context.Context, db *sql.DB) error {
	return each(ctx, db, `SELECT code, subject, what FROM alarms`, func(rows *sql.Rows) error {
		var a Alarm
		err := rows.Scan(&a.Code, &a.Subject, &a.What)
		d.Alarms = append(d.Alarms, a)
		return err
	})
}

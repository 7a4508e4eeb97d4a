package schema

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"slices"
	"strings"

	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

var (
	// ErrForeign is the kind of error for a file that belongs to another program. It was not changed.
	ErrForeign = errors.New("the file is not this program's")
	// ErrNoDatabase is the kind of error for a file that is not there, or holds nothing yet.
	ErrNoDatabase = errors.New("there is no database file")
)

// lookFirst looks at what is in the file before anything in it is changed.
func lookFirst(ctx context.Context, d DSN) error {
	tables, err := tablesOf(ctx, d)
	switch {
	case err != nil:
		return err
	case len(tables) == 0 && d.existing: // not there, or empty
		return fmt.Errorf("%w %s with any table: name the right one with --dsn or ORDERFLOW_DSN, or make it with \"orderflow migrate\"", ErrNoDatabase, d.Path)
	case len(tables) > 0 && !ours(tables):
		return fmt.Errorf("%w: %s has the tables %s, and not those of orderflow. Give the name of another file", ErrForeign, d.Path, some(tables))
	}
	return nil
}

// ours says whether tables are those of this program, perhaps with others beside them. The
// first of the migrations makes events and heads; the table that counts migrations is there
// before them, and other programs have one of that name too.
func ours(tables []string) bool {
	counts := slices.Contains(tables, "goose_db_version")
	return counts && (len(tables) == 1 || slices.Contains(tables, "events") && slices.Contains(tables, "heads"))
}

// some names the first few.
func some(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// tablesOf lists the tables of a file without changing it; none if it is not there, or empty.
func tablesOf(ctx context.Context, d DSN) (tables []string, err error) {
	path, q := d.Path, d.access.query()
	q["_pragma"] = []string{"busy_timeout(10000)", "query_only(1)"}
	switch info, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist), err == nil && info.Mode().IsRegular() && info.Size() == 0:
		return nil, nil
	case err == nil && info.IsDir():
		return nil, fmt.Errorf("%w: %s is a folder", ErrForeign, path)
	}
	db := sql.OpenDB(preparingConnector{driver: &driver.Driver{}, name: fileSource(path, q)})
	defer func() { err = errors.Join(err, db.Close()) }()
	rows, err := db.QueryContext(ctx, `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY name`)
	var e *driver.Error
	if errors.As(err, &e) && e.Code()&0xff == lib.SQLITE_NOTADB {
		return nil, fmt.Errorf("%w: %s is no SQLite database", ErrForeign, path)
	}
	if err != nil {
		return nil, sqlite{}.translate(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		tables = append(tables, name)
	}
	return tables, sqlite{}.translate(rows.Err())
}

func fileSource(path string, q url.Values) string {
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String()
}

// OthersCanRead says whether every user of the machine can read the SQLite file.
func (d DSN) OthersCanRead() bool {
	const others = 0o004
	info, err := os.Stat(d.Path)
	return d.URL == nil && err == nil && info.Mode()&others != 0
}

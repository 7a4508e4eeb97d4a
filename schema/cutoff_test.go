package schema

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"testing"
)

// cutOff is a driver whose answers break off between the description of a row and the row.
type cutOff struct{ driver.Conn }

func (c cutOff) Connect(context.Context) (driver.Conn, error) { return c, nil }
func (cutOff) Driver() driver.Driver                          { return nil }
func (cutOff) Close() error                                   { return nil }
func (cutOff) Columns() []string                              { return []string{"n"} }
func (cutOff) Next([]driver.Value) error                      { return io.ErrUnexpectedEOF }

func (c cutOff) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	return c, nil
}

// TestQuestion_cutOff: an answer that breaks off is an error, and not a count of no rows.
func TestQuestion_cutOff(t *testing.T) {
	db := sql.OpenDB(cutOff{})
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(t.Context(), `SELECT @@ROWCOUNT`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	told := false
	err = Question{Changed: func(int64) { told = true }}.read(rows)
	if told || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("told of rows: %t, err %v; want false and the driver's error", told, err)
	}
}

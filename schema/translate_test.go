package schema

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"testing"

	mssql "github.com/microsoft/go-mssqldb"

	"orderflow/schema/sqlitedb"
)

// kinds are all there are, to see that an error has one and no other.
var kinds = map[string]error{
	"ErrDuplicateKey": ErrDuplicateKey, "ErrTransient": ErrTransient, "ErrUnavailable": ErrUnavailable, "ErrRefused": ErrRefused,
}

func kindOf(err error) string {
	kind := ""
	for name, k := range kinds {
		if errors.Is(err, k) {
			kind += name
		}
	}
	return kind
}

func TestSQLServer_translate(t *testing.T) {
	for number, want := range map[int32]string{
		2627: "ErrDuplicateKey", 2601: "ErrDuplicateKey",
		1204: "ErrTransient", 1205: "ErrTransient", 1222: "ErrTransient", 3960: "ErrTransient", 33557097: "ErrTransient",
		547: "ErrRefused", 51000: "ErrRefused",
		1105: "ErrUnavailable", 9002: "ErrUnavailable", 3906: "ErrUnavailable", 40613: "ErrUnavailable", 40501: "ErrUnavailable", 976: "ErrUnavailable",
		596: "ErrUnavailable", 4060: "ErrUnavailable", 921: "ErrUnavailable", 922: "ErrUnavailable", 4221: "ErrUnavailable", 40143: "ErrUnavailable",
		49919: "ErrUnavailable", 49920: "ErrUnavailable", 10936: "ErrUnavailable",
		1101: "ErrUnavailable", 823: "ErrUnavailable", 824: "ErrUnavailable", 605: "ErrUnavailable",
		208: "", 102: "", 515: "", 18456: "", 8115: "",
	} {
		original := mssql.Error{Number: number, Message: "text that says deadlock, duplicate and timeout"}
		err := sqlServer{}.translate(fmt.Errorf("wrapped: %w", original))
		if got := kindOf(err); got != want {
			t.Errorf("number %d is %q, want %q", number, got, want)
		}
		var e mssql.Error
		if !errors.As(err, &e) || e.Number != number {
			t.Errorf("number %d: the driver's error was lost: %v", number, err)
		}
	}
}

// TestSQLServer_busy: a lock time-out, and nothing else, is a wait for a row that was given up.
func TestSQLServer_busy(t *testing.T) {
	for number, want := range map[int32]bool{1222: true, 33557097: true, 1205: false, 1204: false, 3960: false} {
		if err := (sqlServer{}).translate(mssql.Error{Number: number}); errors.Is(err, ErrBusy) != want {
			t.Errorf("number %d is %v, want ErrBusy: %v", number, err, want)
		}
	}
}

// TestSQLServer_causes: what people are told by name.
func TestSQLServer_causes(t *testing.T) {
	for number, want := range map[int32]error{1105: ErrFull, 1101: ErrFull, 9002: ErrFull, 823: ErrDamaged, 824: ErrDamaged, 605: ErrDamaged} {
		if err := (sqlServer{}).translate(mssql.Error{Number: number}); !errors.Is(err, want) {
			t.Errorf("number %d is %v, want %v", number, err, want)
		}
	}
}

func TestSQLServer_translate_network(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"bad connection":  {driver.ErrBadConn, "ErrUnavailable"},
		"end of file":     {io.EOF, "ErrUnavailable"},
		"cut short":       {io.ErrUnexpectedEOF, "ErrUnavailable"},
		"network":         {&net.OpError{Op: "read", Err: errors.New("connection reset by peer")}, "ErrUnavailable"},
		"broken stream":   {mssql.StreamError{InnerError: errors.New("x")}, "ErrUnavailable"},
		"canceled":        {context.Canceled, ""},
		"deadline":        {context.DeadlineExceeded, ""},
		"something other": {errors.New("deadlock"), ""},
	} {
		if got := kindOf(sqlServer{}.translate(c.err)); got != c.want {
			t.Errorf("%s is %q, want %q", name, got, c.want)
		}
	}
	if (sqlServer{}).translate(nil) != nil {
		t.Error("no error became one")
	}
}

// TestSQLite_translate makes the errors happen, since the driver's cannot be made.
func TestSQLite_translate(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "t.db")
	db, err := Open(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	exec := func(query string) error {
		return db.inTx(ctx, sqlitedb.InTurn, func(tx *Tx) error { _, err := tx.ExecContext(ctx, query); return err })
	}
	for _, c := range []struct{ query, want string }{
		{`CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT UNIQUE CHECK (length(b) < 3))`, ""},
		{`CREATE TRIGGER no BEFORE DELETE ON t BEGIN SELECT RAISE(ABORT, 'no'); END`, ""},
		{`INSERT INTO t VALUES (1, 'x')`, ""},
		{`INSERT INTO t VALUES (1, 'y')`, "ErrDuplicateKey"},
		{`INSERT INTO t VALUES (2, 'x')`, "ErrDuplicateKey"},
		{`INSERT INTO t VALUES (3, 'long')`, "ErrRefused"},
		{`DELETE FROM t`, "ErrRefused"},
		{`CREATE TRIGGER never BEFORE INSERT ON t WHEN NEW.a = 7 BEGIN SELECT RAISE(ABORT, 'never'); END`, ""},
		{"\n\tinsert INTO t VALUES (7, 'z')", "ErrRefused"},
		{`REPLACE INTO t VALUES (7, 'z')`, "ErrRefused"},
	} {
		if got := kindOf(exec(c.query)); got != c.want {
			t.Errorf("%s: kind %q, want %q", c.query, got, c.want)
		}
	}
	t.Run("no such folder", func(t *testing.T) {
		_, err := Open(ctx, filepath.Join(path, "nowhere", "t.db"))
		if got := kindOf(err); got != "ErrUnavailable" {
			t.Errorf("err %v is %q, want ErrUnavailable", err, got)
		}
	})
}

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
	for want, numbers := range map[string][]int32{
		"ErrDuplicateKey": {2627, 2601},
		"ErrTransient":    {1203, 1204, 1205, 1221, 1222, 3947, 3948, 3960, 3966, 33557097},
		"ErrRefused":      {547, 51000},
		"ErrUnavailable": {
			596, 40549, 40550, 40551, 40552, 40553, 1101, 1105, 9002, 40544, 3958, 605, 823, 824, // which have names of their own, too
			701, 802, 8628, 8645, 8651, 17803,
			615, 913, 921, 922, 923, 924, 926, 927, 941, 942, 945, 952, 3906, 4060, 4221, 9001,
			954, 955, 956, 976, 978, 979, 982, 983, 988,
			6005, 17142, 17187, 17188, 17189, 17197, 17809, 18401, 18451, 18456, 18461, 40623,
			40143, 40189, 40197, 40501, 40540, 40613, 40642, 40648, 40675, 40903,
			10928, 10929, 10930, 10936, 49510, 49802, 49918, 49919, 49920, 49977, 49983,
		},
		"": {102, 207, 208, 229, 515, 911, 981, 3902, 8115, 8152, 18452, 18470, 18486, 18488, 40615},
	} {
		for _, number := range numbers {
			translatesTo(t, number, want)
		}
	}
	for _, number := range later {
		translatesTo(t, number, "ErrUnavailable")
	}
}

func translatesTo(t *testing.T, number int32, want string) {
	t.Helper()
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

// TestSQLServer_causes: what people are told by name.
func TestSQLServer_causes(t *testing.T) {
	for number, want := range map[int32]error{1105: ErrFull, 1101: ErrFull, 9002: ErrFull, 40544: ErrFull, 3958: ErrFull, 596: ErrBroken, 40549: ErrBroken, 823: ErrDamaged, 824: ErrDamaged, 605: ErrDamaged} {
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

package sqlitedb

import (
	"context"
	"database/sql/driver"
	"fmt"
	"regexp"
	"strconv"
	"sync/atomic"
)

// maxPrepared bounds the statements one connection keeps prepared; further texts are
// prepared each time.
const maxPrepared = 256

// driverConn is what the driver's connection can do.
type driverConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// statement is a prepared statement.
type statement struct {
	driver.Stmt
	busy  bool  // its rows are being read
	order []int // which argument, from 0, goes to each placeholder; nil: as they come
}

// statements are the prepared statements of a connection.
type statements struct {
	driverConn
	prepared       map[string]*statement // by their text
	open           atomic.Int32          // rows that are being read
	args, arranged []driver.NamedValue   // for the arguments of the next statement
}

// prepare gives the kept statement for query, and its arguments in their order; nil if it is in use
// or too many are kept.
func (c *statements) prepare(ctx context.Context, query string, args []driver.NamedValue) (*statement, []driver.NamedValue, error) {
	s, kept := c.prepared[query]
	switch {
	case kept && s.busy, !kept && len(c.prepared) >= maxPrepared:
		return nil, args, nil
	case !kept:
		text, order := positional(query)
		inner, err := c.PrepareContext(ctx, text)
		if err != nil {
			return nil, nil, err
		}
		s = &statement{Stmt: inner, order: order}
		c.prepared[query] = s
	}
	args, err := c.arrange(s, args)
	return s, args, err
}

func (c *statements) exec(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	s, args, err := c.prepare(ctx, query, args)
	switch {
	case err != nil:
		return nil, err
	case s == nil:
		return c.driverConn.ExecContext(ctx, query, args)
	}
	return s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
}

// query gives rows, and the statement that is busy while they are read.
func (c *statements) query(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, *statement, error) {
	s, args, err := c.prepare(ctx, query, args)
	if err != nil {
		return nil, nil, err
	}
	if s == nil {
		rows, err := c.driverConn.QueryContext(ctx, query, args)
		return rows, &statement{}, err
	}
	rows, err := s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
	return rows, s, err
}

var numbered = regexp.MustCompile(`\?(\d+)`)

// positional makes numbered placeholders (?3) plain ones, and says which argument goes to
// each. The driver looks every numbered one up in all arguments, by name: an insert of a
// hundred rows spends more time on that than in the database.
func positional(query string) (text string, order []int) {
	inOrder := true
	text = numbered.ReplaceAllStringFunc(query, func(p string) string {
		n, _ := strconv.Atoi(p[1:]) // the expression lets digits through only
		inOrder = inOrder && n == len(order)+1
		order = append(order, n-1)
		return "?"
	})
	if inOrder {
		order = nil
	}
	return text, order
}

// arrange puts arguments into the order of the placeholders. They are good until the next
// call: the driver binds copies.
func (c *statements) arrange(s *statement, args []driver.NamedValue) ([]driver.NamedValue, error) {
	if s.order == nil {
		return args, nil
	}
	c.arranged = room(c.arranged, len(s.order))
	arranged := c.arranged[:len(s.order)]
	for i, n := range s.order {
		if n < 0 || n >= len(args) {
			return nil, fmt.Errorf("the statement has a placeholder ?%d and %d arguments", n+1, len(args))
		}
		arranged[i].Value = args[n].Value
	}
	return arranged, nil
}

// values makes arguments the driver's, in a buffer that the next call uses again. It makes of them
// what database/sql does, and that faster of the most frequent types.
func (c *statements) values(args []any) ([]driver.NamedValue, error) {
	c.args = room(c.args, len(args))
	values := c.args[:len(args)]
	for i, arg := range args {
		var err error
		switch v := arg.(type) {
		case nil, int64, float64, bool, string, []byte:
			values[i].Value = arg
		case int:
			values[i].Value = int64(v)
		default:
			if values[i].Value, err = driver.DefaultParameterConverter.ConvertValue(arg); err != nil {
				return nil, fmt.Errorf("the argument for ?%d: %w", i+1, err)
			}
		}
	}
	return values, nil
}

// room gives buf so many values at least, which are numbered.
func room(buf []driver.NamedValue, n int) []driver.NamedValue {
	for len(buf) < n {
		buf = append(buf, driver.NamedValue{Ordinal: len(buf) + 1})
	}
	return buf
}

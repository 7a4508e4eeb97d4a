package schema

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strconv"
)

// execArgs is ExecContext for arguments that database/sql has not looked at.
func (c *preparingConn) execArgs(query string, args []any) (driver.Result, error) {
	values, err := c.values(args)
	if err != nil {
		return nil, err
	}
	res, err := c.ExecContext(context.Background(), query, values)
	for i := range values {
		values[i].Value = nil // the driver keeps none, and they may be large
	}
	return res, err
}

// values makes arguments the driver's, in a buffer that the next call uses again.
func (c *preparingConn) values(args []any) ([]driver.NamedValue, error) {
	c.args = room(c.args, len(args))
	values := c.args[:len(args)]
	for i, arg := range args {
		value, err := valueOf(arg)
		if err != nil {
			return nil, fmt.Errorf("the argument for ?%d: %w", i+1, err)
		}
		values[i].Value = value
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

// valueOf is what database/sql makes of an argument, and for the most frequent types faster.
func valueOf(arg any) (driver.Value, error) {
	switch v := arg.(type) {
	case nil, int64, float64, bool, string, []byte:
		return arg, nil
	case int:
		return int64(v), nil
	}
	return driver.DefaultParameterConverter.ConvertValue(arg)
}

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
func (c *preparingConn) arrange(s *preparedStmt, args []driver.NamedValue) ([]driver.NamedValue, error) {
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

package schema

import (
	"context"
	"database/sql/driver"
	"fmt"
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

package schema

import (
	"strconv"
	"strings"
	"sync"
)

// maxList bounds the placeholders of one list. SQL Server takes 2,100 a call.
const maxList = 512

// AnyOf calls f with a condition that says that a column has one of the values, and
// the arguments for it, in as many parts as needed. A part is filled up by repeating
// its last value, so that there are few different texts to prepare.
func AnyOf(d Dialect, column string, values []any, f func(condition string, args []any) error) error {
	for len(values) > 0 {
		n := min(len(values), maxList)
		part := append(make([]any, 0, listSize(d, n)), values[:n]...)
		for len(part) < cap(part) {
			part = append(part, part[n-1])
		}
		if err := f(d.anyOf(column, len(part)), part); err != nil {
			return err
		}
		values = values[n:]
	}
	return nil
}

// listSize is how long a list of n values is made: a power of two or, where texts of many lists are sent
// together, of four.
func listSize(d Dialect, n int) int {
	size, factor := 1, 2
	if d.RoundTrips() {
		factor = 4
	}
	for size < n {
		size *= factor
	}
	return min(size, maxList)
}

// Rows calls f with "(?1, ?2), (?3, ?4), ..." for rows from..to of n rows of width
// columns, in as many parts as needed. Parts have one of few sizes, so that there are
// few different texts to prepare.
func Rows(n, width int, f func(from, to int, values string) error) error {
	for from := 0; from < n; {
		size := min(n-from, maxList/width)
		for size > 16 && size&(size-1) != 0 {
			size &= size - 1
		}
		if err := f(from, from+size, Values(size, width)); err != nil {
			return err
		}
		from += size
	}
	return nil
}

// texts keeps what Values made; there are few different ones.
var texts sync.Map // of string by [2]int

// Values is "(?1, ?2), (?3, ?4), ..." for so many rows of width columns. Rows splits a large number of
// rows over several statements.
func Values(rows, width int) string {
	key := [2]int{rows, width}
	if text, kept := texts.Load(key); kept {
		return text.(string)
	}
	var b strings.Builder
	for i := range rows {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("(" + placeholders(i*width+1, width) + ")")
	}
	texts.Store(key, b.String())
	return b.String()
}

func placeholders(first, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("?" + strconv.Itoa(first+i))
	}
	return b.String()
}

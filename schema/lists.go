package schema

import (
	"strconv"
	"strings"
)

// maxList bounds the placeholders of one list. SQL Server takes 2,100 a call.
const maxList = 512

// InLists calls f with placeholders for "IN (...)" and the arguments for them, in as
// many parts as needed. A part is filled up by repeating its last argument, so that
// there are few different texts to prepare.
func InLists(args []any, f func(list string, args []any) error) error {
	for len(args) > 0 {
		n := min(len(args), maxList)
		part := append([]any(nil), args[:n]...)
		for len(part)&(len(part)-1) != 0 {
			part = append(part, part[n-1])
		}
		if err := f(placeholders(1, len(part)), part); err != nil {
			return err
		}
		args = args[n:]
	}
	return nil
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
		var b strings.Builder
		for i := range size {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString("(" + placeholders(i*width+1, width) + ")")
		}
		if err := f(from, from+size, b.String()); err != nil {
			return err
		}
		from += size
	}
	return nil
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

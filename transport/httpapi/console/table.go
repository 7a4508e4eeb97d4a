package console

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// table is what a file of a table has: all of it, with every digit.
type table struct {
	name   string
	asOf   time.Time
	header []string
	cells  [][]any // of a row: strings, numbers with and without a fraction, times
	rows   any     // for JSON, as the admin interface tells them
}

// tableOf makes a table of rows.
func tableOf[T any](name string, asOf time.Time, rows []T, header []string, cells func(T) []any) table {
	t := table{name: name, asOf: asOf, header: header, rows: rows}
	if rows == nil {
		t.rows = []T{}
	}
	for _, row := range rows {
		t.cells = append(t.cells, cells(row))
	}
	return t
}

// json is the table as JSON.
func (t table) json() (Page, error) {
	body, err := json.MarshalIndent(map[string]any{"as_of": t.asOf, t.name: t.rows}, "", "  ")
	return Page{Type: "application/json", Body: append(body, '\n')}, err
}

// csv is the table as CSV, as RFC 4180 has it.
func (t table) csv() (Page, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	lines := [][]string{t.header}
	for _, row := range t.cells {
		line := make([]string, len(row))
		for i, cell := range row {
			line[i] = cellText(cell)
		}
		lines = append(lines, line)
	}
	err := w.WriteAll(lines)
	name := fmt.Sprintf("orderflow-%s-%s.csv", t.name, t.asOf.UTC().Format("20060102T150405Z"))
	return Page{Type: "text/csv; charset=utf-8; header=present", Body: b.Bytes(), SaveAs: name}, err
}

// cellText is a cell as CSV has it. A text that a spreadsheet would take for a formula gets an apostrophe in front.
func cellText(cell any) string {
	switch v := cell.(type) {
	case time.Time:
		if v.IsZero() {
			return ""
		}
		return iso(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case *float64:
		if v == nil {
			return ""
		}
		return cellText(*v)
	case int, int64, bool:
		return fmt.Sprint(v)
	}
	text := fmt.Sprint(cell)
	if strings.IndexAny(text, "=+-@\t\r") == 0 {
		return "'" + text
	}
	return text
}

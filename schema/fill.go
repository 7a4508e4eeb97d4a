package schema

import (
	"database/sql"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// rowsHere stands in a query for its rows (see Question.Width).
const rowsHere = "VALUES *"

// Sizes are the numbers of rows of a statement, and of equal statements that follow each other. A group of
// appends has any number of either, and each combination of numbers would be a text and a plan of its own.
// With these sizes there are few combinations, and what is sent for nothing costs less than a plan. A statement
// that is sent for nothing costs more than a row.
var (
	rowSizes   = []int{1, 4, 16, 32, 64}
	equalSizes = []int{1, 4, 8, 16, 32, 64}
)

const (
	mostRows = 64
	// together is the least size of what is sent together with something as large.
	together = 16
	// Where many parts share a text, each combination of theirs is seldom, and has few sizes: fewRows and
	// fewEqual are the least. What one order takes is not filled up by that.
	manyParts, fewRows, fewEqual = 5, 16, 8
	orderRows                    = 4
)

// least are the least sizes of rows and of equal statements that are sent together.
type least struct{ rows, equal int }

// leastOf are the least sizes of what questions send.
func leastOf(questions []Question) least {
	n := 0
	var most least
	for part := range parts(questions) {
		n++
		if q := part[0]; q.Width > 0 {
			most.rows = max(most.rows, len(q.Args)/q.Width)
		} else if q.Spare {
			most.equal = max(most.equal, len(part))
		}
	}
	l := least{rows: min(most.rows, together), equal: min(most.equal, together)}
	if n >= manyParts && (most.equal > 1 || most.rows > orderRows) {
		l = least{rows: max(l.rows, fewRows), equal: max(l.equal, fewEqual)}
	}
	return l
}

// sizeOf is the first of the sizes for n, which is mostRows at most.
func sizeOf(n int, sizes []int) int {
	for _, size := range sizes {
		if size >= n {
			return size
		}
	}
	return mostRows
}

// fill gives the statements that are sent for questions: their rows, and the equal ones among them, filled
// up to one of the sizes.
func fill(questions []Question) (filled []Question) {
	least := leastOf(questions)
	for part := range parts(questions) {
		q := part[0]
		switch {
		case q.Width > 0:
			size := sizeOf(max(len(q.Args)/q.Width, least.rows), rowSizes) // mostRows if there are several parts
			for args := range slices.Chunk(q.Args, q.Width*mostRows) {
				filled = append(filled, q.withRows(args, size))
			}
		case q.Spare:
			filled = append(filled, part...)
			if n := sizeOf(max(len(part), least.equal), equalSizes) - len(part); n > 0 {
				filled = append(filled, slices.Repeat([]Question{q.blank()}, n)...)
			}
		default:
			filled = append(filled, q)
		}
	}
	return filled
}

// parts are the questions one by one, but Spare ones with the equal ones that follow them.
func parts(questions []Question) func(yield func([]Question) bool) {
	return func(yield func([]Question) bool) {
		for len(questions) > 0 {
			n := repeated(questions)
			if !yield(questions[:n]) {
				return
			}
			questions = questions[n:]
		}
	}
}

// repeated is how many of the questions are the first one again.
func repeated(questions []Question) int {
	n := 1
	for questions[0].Spare && n < min(len(questions), mostRows) && sameText(questions[0], questions[n]) {
		n++
	}
	return n
}

// sameText says whether two questions make the same text.
func sameText(a, b Question) bool {
	return a.Spare == b.Spare && a.Want == b.Want && a.Query == b.Query && a.Then == b.Then && len(a.Args) == len(b.Args) &&
		(a.Changed == nil) == (b.Changed == nil) && (a.Read == nil) == (b.Read == nil)
}

// blank is the question with arguments for which it does nothing.
func (q *Question) blank() Question {
	b := Question{Query: q.Query, Args: blank(q.Args), Want: q.Want, filler: true}
	if q.Then != "" {
		b.Then, b.Both = q.Then, func(int64, int64) {}
	}
	if q.Changed != nil {
		b.Changed = func(int64) {}
	}
	if q.Read != nil {
		b.Read = func(*sql.Rows) error { return nil }
	}
	return b
}

// blank gives arguments that are declared as these are: zeros and empty texts. Bytes, which are declared by
// their length, stay as they are.
func blank(args []any) []any {
	blanks := make([]any, len(args))
	for i, arg := range args {
		if b, ok := arg.([]byte); ok {
			blanks[i] = b
			continue
		}
		blanks[i] = reflect.Zero(reflect.TypeOf(arg)).Interface()
	}
	return blanks
}

// withRows is the question with so many rows, of which only those of args count.
func (q *Question) withRows(args []any, size int) Question {
	filled := Question{Query: withRows(q.Query, q.Width, size), Args: args, Read: q.Read, Changed: q.Changed, Want: q.Want}
	if size == 1 {
		return filled
	}
	n := len(args) / q.Width
	filled.Args = append(make([]any, 0, size*q.Width+1), args...)
	if n < size {
		filled.Args = append(filled.Args, slices.Repeat(blank(args[:q.Width]), size-n)...)
	}
	filled.Args = append(filled.Args, n)
	return filled
}

// rowText names a query with rows.
type rowText struct {
	query       string
	width, size int
}

// rowTexts keeps what withRows made.
var rowTexts sync.Map // of string by rowText

// withRows writes rows into a query, numbered, and one parameter more: how many of them count.
func withRows(query string, width, size int) string {
	key := rowText{query, width, size}
	if text, known := rowTexts.Load(key); known {
		return text.(string)
	}
	before, after, _ := strings.Cut(query, rowsHere)
	columns := make([]string, width)
	for i := range columns {
		columns[i] = "column" + strconv.Itoa(i+1)
	}
	list := strings.Join(columns, ", ")
	rows := make([]string, size)
	for i := range rows {
		rows[i] = "(" + strconv.Itoa(i+1) + ", " + placeholders(i*width+1, width) + ")"
	}
	text := before + "SELECT " + list + " FROM (VALUES " + strings.Join(rows, ", ") + ") AS listed (number, " + list + ")"
	if size > 1 {
		text += " WHERE number <= ?" + strconv.Itoa(size*width+1)
	}
	text += after
	rowTexts.Store(key, text)
	return text
}

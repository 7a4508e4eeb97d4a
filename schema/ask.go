package schema

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Question is a statement that is sent together with others.
type Question struct {
	Query string
	Args  []any
	// Read reads the statement's rows with Next and Scan; nil for a statement that returns none.
	Read func(rows *sql.Rows) error
	// Changed is told how many rows the statement changed; nil if nobody asks. It is for a
	// statement without Read.
	Changed func(rows int64)
}

// maxArgs bounds the arguments of one round trip: SQL Server takes 2,100.
const maxArgs = 2000

// Ask runs statements in order. Where statements cost round trips they share one, and their
// placeholders are numbered anew. A statement must not depend on what an earlier Read does: rows may
// be read only after all statements were sent.
func (tx *Tx) Ask(ctx context.Context, questions ...Question) error {
	if !tx.db.dialect.RoundTrips() {
		for _, q := range questions {
			if err := tx.ask(ctx, q); err != nil {
				return err
			}
		}
		return nil
	}
	for len(questions) > 0 {
		n, args := 1, len(questions[0].Args)
		for n < len(questions) && args+len(questions[n].Args) <= maxArgs {
			args += len(questions[n].Args)
			n++
		}
		if err := tx.askTogether(ctx, questions[:n]); err != nil {
			return err
		}
		questions = questions[n:]
	}
	return nil
}

func (tx *Tx) ask(ctx context.Context, q Question) error {
	if q.Read == nil {
		res, err := tx.ExecContext(ctx, q.Query, q.Args...)
		if err != nil || q.Changed == nil {
			return err
		}
		n, err := res.RowsAffected()
		q.Changed(n)
		return err
	}
	rows, err := tx.QueryContext(ctx, q.Query, q.Args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	if err := q.Read(rows); err != nil {
		return err
	}
	return tx.db.dialect.translate(rows.Err())
}

var numbered = regexp.MustCompile(`\?(\d+)`)

// askTogether sends several statements as one. Those that return no rows give no result
// set: the driver passes over the counts of rows between the others. (SET NOCOUNT ON
// would spare these counts, but where it outlives the batch every later statement of the
// session seems to change nothing.)
func (tx *Tx) askTogether(ctx context.Context, questions []Question) error {
	var text strings.Builder
	var args []any
	reads := false
	for _, q := range questions {
		offset := len(args)
		text.WriteString(numbered.ReplaceAllStringFunc(q.Query, func(p string) string {
			n, _ := strconv.Atoi(p[1:]) // the expression lets digits through only
			return "?" + strconv.Itoa(n+offset)
		}))
		text.WriteString(";\n")
		if q.Changed != nil {
			text.WriteString("SELECT @@ROWCOUNT;\n")
		}
		args = append(args, q.Args...)
		reads = reads || q.answers()
	}
	if !reads {
		_, err := tx.ExecContext(ctx, text.String(), args...)
		return err
	}
	rows, err := tx.QueryContext(ctx, text.String(), args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	return tx.readEach(rows, questions)
}

// answers says whether the question has a result set when it is asked with others.
func (q Question) answers() bool { return q.Read != nil || q.Changed != nil }

// read reads the question's result set.
func (q Question) read(rows *sql.Rows) error {
	if q.Read != nil {
		return q.Read(rows)
	}
	var n int64
	if rows.Next() {
		if err := rows.Scan(&n); err != nil {
			return err
		}
	}
	q.Changed(n)
	return nil
}

// readEach gives each question its result set.
func (tx *Tx) readEach(rows *sql.Rows, questions []Question) error {
	first := true
	for i, q := range questions {
		if !q.answers() {
			continue
		}
		if !first && !rows.NextResultSet() {
			if err := rows.Err(); err != nil {
				return tx.db.dialect.translate(err)
			}
			return fmt.Errorf("statement %d of %d returned no rows' description", i+1, len(questions))
		}
		first = false
		if err := q.read(rows); err != nil {
			return err
		}
		for rows.Next() { // the driver finds the next result set at the end of this one
			continue
		}
	}
	for rows.NextResultSet() { // errors of later statements come here
		continue
	}
	return tx.db.dialect.translate(rows.Err())
}

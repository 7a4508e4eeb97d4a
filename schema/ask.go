package schema

import (
	"cmp"
	"context"
	"database/sql"
	"strings"
)

// Question is a statement that is sent together with others.
type Question struct {
	// Query is the statement. If Width is set, it has "VALUES *" where rows belong: at its end, to insert
	// them, or in parentheses, to select them. There are as many rows as there are arguments for, and their
	// columns are named column1, column2, ...
	Query string
	Args  []any
	Width int // columns of a row of Args
	// Spare says that with zeros and empty texts for arguments the statement finds and changes nothing, so
	// that it may be sent more often than it is asked.
	Spare bool
	// Read reads the statement's rows with Next and Scan; nil for a statement that returns none.
	Read func(rows *sql.Rows) error
	// Changed is told how many rows the statement changed; nil if nobody asks. It is for a
	// statement without Read. Where there are many rows to be inserted, it is called several times.
	Changed func(rows int64)
	// Then is a second statement, with the same arguments, that ends with its WHERE. It is done only if Query changed
	// one row, and nothing comes between the two. Both is told how many rows each changed, instead of Changed.
	Then string
	Both func(first, second int64)
	// Want is how many rows the statement must find or change, or else the transaction of DB.InBatch is rolled
	// back; 0 if nobody minds. With Width there are 64 rows at most. There is no Then.
	Want int
	// filler is a question that was added to fill the others up.
	filler bool
}

// maxArgs bounds the arguments of one round trip: SQL Server takes 2,100.
const maxArgs = 2000

// Ask runs statements in order. Where statements cost round trips they share one, and their
// placeholders are numbered anew. A statement must not depend on what an earlier Read does: rows may
// be read only after all statements were sent.
//
// If one fails, some or all of the others have taken effect, those behind it as well: whatever its function
// makes of the error, the transaction is not committed any more.
//
// Statements that are sent together make one text, of which the server keeps a plan. There are few such
// texts if questions of the same kind follow each other: rows, and Spare statements, are sent in one of few
// numbers.
func (tx *Tx) Ask(ctx context.Context, questions ...Question) error {
	err := tx.askAll(ctx, questions)
	tx.failed = cmp.Or(tx.failed, err)
	return err
}

func (tx *Tx) askAll(ctx context.Context, questions []Question) error {
	if !tx.db.dialect.RoundTrips() {
		for _, q := range questions {
			if err := tx.ask(ctx, q); err != nil {
				return err
			}
		}
		return nil
	}
	questions = fill(questions)
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

// ask runs one statement, several times if it has many rows.
func (tx *Tx) ask(ctx context.Context, q Question) error {
	if q.Width > 0 {
		before, after, _ := strings.Cut(q.Query, rowsHere)
		return Rows(len(q.Args)/q.Width, q.Width, func(from, to int, values string) error {
			part := q
			part.Query, part.Args, part.Width = before+"VALUES "+values+after, q.Args[from*q.Width:to*q.Width:to*q.Width], 0
			return tx.ask(ctx, part)
		})
	}
	if q.Then != "" {
		return tx.askBoth(ctx, q)
	}
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
	return tx.db.dialect.translate(readAnswer(tx.db.dialect, rows, err, q.Read))
}

// askBoth runs a statement and, if that changed one row, a second one.
func (tx *Tx) askBoth(ctx context.Context, q Question) error {
	var changed [2]int64
	for i, query := range []string{q.Query, q.Then} {
		if i == 1 && changed[0] != 1 {
			break
		}
		err := tx.ask(ctx, Question{Query: query, Args: q.Args, Changed: func(rows int64) { changed[i] = rows }})
		if err != nil {
			return err
		}
	}
	q.Both(changed[0], changed[1])
	return nil
}

// askTogether sends several statements as one.
func (tx *Tx) askTogether(ctx context.Context, questions []Question) error {
	b := batch{questions: questions}
	b.text.WriteString(tx.before)
	b.compose()
	tx.db.statement()
	if !b.reads {
		_, err := tx.tx.ExecContext(ctx, b.text.String(), b.args...)
		return tx.db.dialect.translate(err)
	}
	rows, err := tx.tx.QueryContext(ctx, b.text.String(), b.args...)
	if err != nil {
		return tx.db.dialect.translate(err)
	}
	defer func() { _ = rows.Close() }()
	return b.read(tx.db.dialect, rows, nil)
}

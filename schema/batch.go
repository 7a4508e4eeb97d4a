package schema

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
)

// InBatch runs the questions that ask gives as one transaction. Where statements cost round trips it is sent
// whole, from BEGIN to COMMIT, in one of them: a client that falls silent holds no lock. It is committed only if
// each question with Want found or changed as many rows; otherwise the error is of kind ErrUnmet, and the answers of
// the questions say which did not. An error of kind ErrCommit says that there was no certain answer: the
// transaction may take place even later.
//
// ask is called when there is a connection, and again if the database gave the transaction up. If the questions have
// too many arguments, the error is ErrTooLong. On SQLite InBatch is InTx with Ask, and does not heed Want.
func (db *DB) InBatch(ctx context.Context, ask func() ([]Question, error)) error {
	return db.inBatches(ctx, "", ask)
}

// InBatchBrief is to InBatch what InTxBrief is to InTx.
func (db *DB) InBatchBrief(ctx context.Context, most time.Duration, ask func() ([]Question, error)) error {
	return db.inBatches(ctx, db.dialect.lockWait(most), ask)
}

// inBatches sends a transaction until the database does not give it up. before is SQL in front of it.
func (db *DB) inBatches(ctx context.Context, before string, ask func() ([]Question, error)) error {
	if db.dialect.RoundTrips() {
		return db.repeat(ctx, func() error { return db.inBatch(ctx, before, ask) })
	}
	return db.InTx(ctx, func(tx *Tx) error {
		questions, err := ask()
		if err != nil {
			return err
		}
		return tx.Ask(ctx, questions...)
	})
}

func (db *DB) inBatch(ctx context.Context, before string, ask func() ([]Question, error)) error {
	asked := time.Now()
	conn, err := db.write.Conn(ctx)
	begun := time.Now()
	db.waited.Add(int64(begun.Sub(asked)))
	if err != nil {
		return db.dialect.translate(err)
	}
	defer func() {
		_ = conn.Close()
		db.open.Add(int64(time.Since(begun)))
	}()
	questions, err := ask()
	if err != nil {
		return err
	}
	b := batch{questions: fill(questions), counts: true}
	b.text.WriteString(before + beginBatch)
	b.compose()
	b.args = append(b.args, b.want)
	if len(b.args) > maxArgs {
		return ErrTooLong
	}
	fmt.Fprintf(&b.text, endBatch, len(b.args))
	db.transaction(0)
	db.statement()
	return b.send(ctx, db.dialect, conn)
}

// beginBatch and endBatch are what a transaction is between that is sent whole. XACT_ABORT has every error roll it
// back and end the batch. The number of rows is told before the COMMIT, so that an error before it is known to
// have come before the COMMIT.
const (
	beginBatch = "SET XACT_ABORT ON;\nBEGIN TRAN;\nDECLARE @n int, @found int = 0;\n"
	endBatch   = "SELECT @found;\nIF @found = @p%d COMMIT TRAN ELSE ROLLBACK TRAN;"
)

// errNotTold says that the server answered without the number of rows.
var errNotTold = errors.New("the number of rows was not told")

// endsSession is the least class of errors that end the session. What the server had told before, it may not have sent.
const endsSession = 20

// send sends a transaction.
func (b *batch) send(ctx context.Context, d Dialect, conn *sql.Conn) error {
	found, told := 0, false
	rows, err := conn.QueryContext(ctx, b.text.String(), b.args...)
	if err == nil {
		defer func() { _ = rows.Close() }()
		err = b.read(d, rows, func(rows *sql.Rows) error {
			if told = rows.Next(); !told {
				return cmp.Or(rows.Err(), errNotTold)
			}
			return rows.Scan(&found)
		})
	}
	var said mssql.Error
	switch err = d.translate(err); {
	case err != nil && (told || !errors.As(err, &said) || errors.Is(err, ErrBroken) || said.Class >= endsSession):
		return fmt.Errorf("%w: %w", ErrCommit, err)
	case err != nil:
		return err
	case found != b.want:
		return fmt.Errorf("%w (%d rows of %d)", ErrUnmet, found, b.want)
	}
	return nil
}

// batch is several statements that are sent as one.
type batch struct {
	questions []Question
	counts    bool // the rows that are wanted

	text  strings.Builder
	args  []any
	reads bool // there are result sets
	want  int  // rows that must be found or changed
}

// compose writes the statements. Those that return no rows give no result set: the driver passes over the
// counts of rows between the others. (SET NOCOUNT ON would spare these counts, but where it outlives the
// batch every later statement of the session seems to change nothing.)
func (b *batch) compose() {
	for i, q := range b.questions {
		query, answer := q.Query, "SELECT @@ROWCOUNT;\n"
		if q.Then != "" { // a text has each variable once
			first := "@changed" + strconv.Itoa(i)
			query += ";\nDECLARE " + first + " int = @@ROWCOUNT;\n" + q.Then + " AND " + first + " = 1"
			answer = "SELECT " + first + ", @@ROWCOUNT;\n"
		}
		statement := declare(query, q.Args)
		statement.write(&b.text, len(b.args))
		b.text.WriteString(";\n")
		if b.counts && q.Want > 0 {
			b.text.WriteString("SET @n = @@ROWCOUNT;\nSET @found = @found + @n;\n")
			answer = "SELECT @n;\n"
			if !q.filler {
				b.want += q.Want
			}
		}
		if q.Changed != nil || q.Then != "" {
			b.text.WriteString(answer)
		}
		b.args = append(b.args, statement.args...)
		b.reads = b.reads || q.answers()
	}
}

// answers says whether the question has a result set when it is asked with others.
func (q Question) answers() bool { return q.Read != nil || q.Changed != nil || q.Then != "" }

// read reads the question's result set.
func (q Question) read(rows *sql.Rows) error {
	if q.Read != nil {
		return q.Read(rows)
	}
	var n, second int64
	into := []any{&n}
	if q.Then != "" {
		into = append(into, &second)
	}
	if !rows.Next() {
		return cmp.Or(rows.Err(), errNotTold)
	}
	if err := rows.Scan(into...); err != nil {
		return err
	}
	if q.Then != "" {
		q.Both(n, second)
	} else {
		q.Changed(n)
	}
	return nil
}

// read gives each question its result set, and the last one to last, if it is given.
func (b *batch) read(d Dialect, rows *sql.Rows, last func(*sql.Rows) error) error {
	questions := b.questions
	if last != nil {
		questions = append(questions[:len(questions):len(questions)], Question{Read: last})
	}
	first := true
	for i, q := range questions {
		if !q.answers() {
			continue
		}
		if !first && !rows.NextResultSet() {
			if err := rows.Err(); err != nil {
				return d.translate(err)
			}
			return fmt.Errorf("statement %d of %d returned no rows' description", i+1, len(questions))
		}
		first = false
		if err := q.read(rows); err != nil {
			return d.translate(err)
		}
		d.finish(rows) // where the driver finds the next result set
	}
	for rows.NextResultSet() { // errors of later statements come here
		continue
	}
	return d.translate(rows.Err())
}

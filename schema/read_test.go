package schema

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"slices"
	"testing"

	mssql "github.com/microsoft/go-mssqldb"
)

// victim is a server that answers each question with the numbers 1 to 3, and gives some up.
type victim struct {
	driver.Conn
	failures []failure // of the questions, in their order; the others are answered
	asked    int
}

// failure is how a question is given up: after so many rows, or at once if they are below 0.
type failure struct {
	rows int
	err  error
}

func (v *victim) Connect(context.Context) (driver.Conn, error) { return v, nil }
func (v *victim) Driver() driver.Driver                        { return nil }
func (v *victim) Close() error                                 { return nil }

// BeginTx gives transactions that do nothing.
func (v *victim) BeginTx(context.Context, driver.TxOptions) (driver.Tx, error) { return v, nil }
func (v *victim) Commit() error                                                { return nil }
func (v *victim) Rollback() error                                              { return nil }

func (v *victim) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	v.asked++
	answer := &numbers{failure: failure{rows: 3, err: io.EOF}}
	if v.asked <= len(v.failures) {
		answer.failure = v.failures[v.asked-1]
	}
	if answer.rows < 0 {
		return nil, answer.err
	}
	return answer, nil
}

type numbers struct {
	failure
	given int
}

func (n *numbers) Columns() []string { return []string{"n"} }
func (n *numbers) Close() error      { return nil }

func (n *numbers) Next(to []driver.Value) error {
	if n.given == n.rows {
		return n.err
	}
	n.given++
	to[0] = int64(n.given)
	return nil
}

// TestDB_Read: a question that is given up is asked again from its beginning, and nobody gets a row twice.
func TestDB_Read(t *testing.T) {
	deadlock, denied := mssql.Error{Number: 1205}, errors.New("denied")
	for name, c := range map[string]struct {
		failures []failure
		asked    int
		want     error
	}{
		"answered":                      {nil, 1, nil},
		"given up at once":              {[]failure{{-1, deadlock}}, 2, nil},
		"given up between rows":         {[]failure{{2, deadlock}}, 2, nil},
		"given up after the rows":       {[]failure{{3, deadlock}}, 2, nil},
		"given up in either way":        {[]failure{{2, deadlock}, {-1, deadlock}, {0, deadlock}}, 4, nil},
		"always given up":               {slices.Repeat([]failure{{1, deadlock}}, 9), transientTries, ErrTransient},
		"refused":                       {[]failure{{-1, denied}}, 1, denied},
		"it has waited for a row":       {[]failure{{1, mssql.Error{Number: 1222}}}, 1, ErrBusy},
		"given up, then refused":        {[]failure{{1, deadlock}, {1, denied}}, 2, denied},
		"the connection is lost midway": {[]failure{{1, io.ErrUnexpectedEOF}}, 1, ErrBroken},
	} {
		t.Run(name, func(t *testing.T) {
			v := &victim{failures: c.failures}
			db := &DB{dialect: sqlServer{}, pools: pools{read: sql.OpenDB(v)}}
			var got []int
			err := db.Read(t.Context(), func(rows *sql.Rows) error {
				got = nil
				for rows.Next() {
					var n int
					if err := rows.Scan(&n); err != nil {
						return err
					}
					got = append(got, n)
				}
				return nil
			}, `SELECT n FROM t`)
			if !errors.Is(err, c.want) || c.want == nil && (err != nil || !slices.Equal(got, []int{1, 2, 3})) || v.asked != c.asked {
				t.Errorf("read %v in %d questions, err %v; want 1 to 3 in %d, err %v", got, v.asked, err, c.asked, c.want)
			}
			if retries := db.Stats().Retries; retries != int64(c.asked-1) {
				t.Errorf("%d retries are counted, want %d", retries, c.asked-1)
			}

			v.asked = 0
			var one int
			err = db.Translate(db.QueryRowContext(t.Context(), `SELECT n FROM t`).Scan(&one))
			midway := len(c.failures) > 0 && c.failures[0].rows > 0 // the one row that is read has come by then
			if !midway && (!errors.Is(err, c.want) || c.want == nil && one != 1) {
				t.Errorf("one row: %d, err %v; want 1, err %v", one, err, c.want)
			}
		})
	}
}

// TestDB_Read_ends: nobody waits for another try longer than for the answer.
func TestDB_Read_ends(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	v := &victim{failures: slices.Repeat([]failure{{1, mssql.Error{Number: 1205}}}, 9)}
	db := &DB{dialect: sqlServer{}, pools: pools{read: sql.OpenDB(v)}}
	err := db.Read(ctx, func(rows *sql.Rows) error {
		for rows.Next() {
			continue
		}
		cancel()
		return rows.Err()
	}, `SELECT n FROM t`)
	if !errors.Is(err, ErrTransient) && !errors.Is(err, context.Canceled) || v.asked != 1 {
		t.Errorf("err %v after %d questions, want one that was given up", err, v.asked)
	}
}

// TestTx_Ask_givenUp: a transaction that is given up while an answer is read is repeated.
func TestTx_Ask_givenUp(t *testing.T) {
	for name, ask := range map[string]func(tx *Tx, q Question) error{
		"asked": func(tx *Tx, q Question) error { return tx.Ask(t.Context(), q) },
		"read":  func(tx *Tx, q Question) error { return tx.Read(t.Context(), q.Read, q.Query) },
	} {
		t.Run(name, func(t *testing.T) {
			v := &victim{failures: []failure{{2, mssql.Error{Number: 1205}}}}
			db, rounds := &DB{dialect: sqlServer{}, pools: pools{write: sql.OpenDB(v)}}, 0
			err := db.InTx(t.Context(), func(tx *Tx) error {
				rounds++
				return ask(tx, Question{Query: `SELECT n FROM t`, Read: func(rows *sql.Rows) error {
					for rows.Next() {
						continue
					}
					return rows.Err()
				}})
			})
			if err != nil || rounds != 2 {
				t.Errorf("err %v after %d rounds, want 2", err, rounds)
			}
		})
	}
}

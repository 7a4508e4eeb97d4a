package messaging

import (
	"context"
	"database/sql"
	"database/sql/driver"

	wsql "github.com/ThreeDotsLabs/watermill-sql/v3/pkg/sql"

	"orderflow/schema"
)

// collector stands in for the database towards watermill-sql's Publisher and keeps what
// it would have run, so that its statements share a round trip with those of the events.
type collector struct {
	wsql.ContextExecutor // nil: a Publisher inserts, by ExecContext, and does nothing else
	questions            []schema.Question
}

// ExecContext keeps a statement. How many rows it will change is not known yet, and the
// Publisher does not ask.
func (c *collector) ExecContext(_ context.Context, query string, args ...any) (sql.Result, error) {
	c.questions = append(c.questions, schema.Question{Query: query, Args: args})
	return driver.ResultNoRows, nil
}

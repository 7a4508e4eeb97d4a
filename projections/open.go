package projections

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"orderflow/domain"
	"orderflow/projections/internal/rows"
	"orderflow/schema"
)

// ReadOpen asks one question: the orders that have not ended, without customer and detail, the oldest first, and at most
// so many. Of an order whose row cannot be read there is the id alone. more says that there are more.
func ReadOpen(ctx context.Context, in schema.Reader, most int) (all []domain.Order, more bool, err error) {
	statuses := slices.DeleteFunc(domain.Statuses(), domain.Status.Ended)
	args, searches := []any{most + 1}, make([]string, len(statuses))
	oldest := ` ORDER BY placed_at, order_id ` + in.Dialect().Limit("?1")
	for i, status := range statuses { // each is a search of an index in the order of the answer
		args = append(args, string(status))
		searches[i] = fmt.Sprintf(`SELECT * FROM (SELECT placed_at AS placed, order_id AS id FROM `+rows.LiveTable+` WHERE status = ?%d%s) AS one`, i+2, oldest)
	}
	row := rows.LiveTable
	if in.Dialect().Name() == "sqlserver" { // which could read the whole table instead
		row += ` WITH (FORCESEEK)`
	}
	err = in.Read(ctx, func(answer *sql.Rows) error {
		all, more = make([]domain.Order, 0, most), false
		return rows.ScanStates(answer, func(r *rows.Row) error {
			if len(all) == most {
				more = true
				return nil
			}
			o, err := r.Order()
			if err != nil {
				o = domain.Order{ID: r.ID}
			}
			all = append(all, o)
			return nil
		})
	}, `SELECT `+rows.StateColumns+` FROM (SELECT placed, id FROM (`+strings.Join(searches, ` UNION ALL `)+`) AS every
		ORDER BY placed, id `+in.Dialect().Limit("?1")+`) AS listed CROSS JOIN `+row+` WHERE order_id = id ORDER BY placed, id`, args...)
	if err != nil {
		return nil, false, fmt.Errorf("look for the orders that have not ended: %w", err)
	}
	return all, more, nil
}

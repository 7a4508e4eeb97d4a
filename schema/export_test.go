package schema

import "context"

// MigrateTo brings the schema to a version and no further.
func (db *DB) MigrateTo(ctx context.Context, version int64) error {
	p, err := provider(db)
	if err != nil {
		return err
	}
	_, err = p.UpTo(ctx, version)
	return err
}

package bench

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"orderflow/schema"
)

// written is how much has been written for a database, in bytes: on a server to its log, on SQLite by some
// processes, to the file and its log. It is 0 where nobody tells.
func written(ctx context.Context, db *schema.DB, processes ...int) (total int64) {
	if db.Dialect().RoundTrips() {
		return firstAnswer(ctx, db,
			`SELECT CAST(pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') AS BIGINT)`,       // Babelfish
			`SELECT num_of_bytes_written FROM sys.dm_io_virtual_file_stats(DB_ID(), 2)`) // SQL Server; 2 is the log
	}
	for _, pid := range processes {
		eachLine(fmt.Sprintf("/proc/%d/io", pid), func(line string) {
			if text, there := strings.CutPrefix(line, "wchar: "); there {
				n, _ := strconv.ParseInt(text, 10, 64) // the kernel writes numbers
				total += n
			}
		})
	}
	return total
}

// stored is how large a database is, in bytes: on SQLite its pages, and not the file, which grows only when
// the log is written back. It is 0 where nobody tells.
func stored(ctx context.Context, db *schema.DB) int64 {
	if !db.Dialect().RoundTrips() {
		return firstAnswer(ctx, db, `SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()`)
	}
	return firstAnswer(ctx, db,
		`SELECT CAST(pg_database_size(current_database()) AS BIGINT)`,                       // Babelfish; of all its databases
		`SELECT CAST(SUM(used_page_count) AS BIGINT) * 8192 FROM sys.dm_db_partition_stats`) // SQL Server
}

// firstAnswer is the answer to the first of some questions for a number that the database understands, and
// that the login may ask; 0 if there is none.
func firstAnswer(ctx context.Context, db *schema.DB, questions ...string) (n int64) {
	for _, q := range questions {
		if db.QueryRowContext(ctx, q).Scan(&n) == nil {
			return n
		}
	}
	return 0
}

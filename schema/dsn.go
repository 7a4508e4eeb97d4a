package schema

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// DSN is a parsed data source name.
type DSN struct {
	// Path is the SQLite file; empty for SQL Server.
	Path string
	// URL is the SQL Server address; nil for SQLite.
	URL *url.URL
	// MaxConns bounds the connections for work that one process opens to SQL Server; the
	// parameter max_connections of the URL.
	MaxConns int
}

// Limits of MaxConns. The default has room for an appending transaction in each of 16
// partitions, for claims, projections and queries.
const (
	defaultConns = 20
	leastConns   = 2
	mostConns    = 1000
)

// paramConns is ours; the driver never sees it.
const paramConns = "max_connections"

// ParseDSN reads "sqlserver://user:password@host:port?database=name", "sqlite:PATH"
// or a plain file path, which is SQLite. Errors say what was wrong and never repeat a
// password.
func ParseDSN(s string) (DSN, error) {
	switch scheme, rest, found := strings.Cut(s, ":"); {
	case s == "":
		return DSN{}, errors.New("the DSN is empty: give a file (orderflow.db), sqlite:PATH or sqlserver://user:password@host?database=name")
	case found && scheme == "sqlserver":
		return parseSQLServer(s)
	case found && scheme == "sqlite":
		return sqliteDSN(rest)
	case found && strings.HasPrefix(rest, "//"):
		return DSN{}, fmt.Errorf("the DSN begins with %q: only sqlite: and sqlserver: are known", scheme+"://")
	}
	return sqliteDSN(s)
}

func sqliteDSN(path string) (DSN, error) {
	path = strings.TrimPrefix(path, "//")
	switch {
	case path == "":
		return DSN{}, errors.New("the DSN begins with sqlite: and names no file")
	case strings.Contains(path, ":memory:"):
		return DSN{}, errors.New("an in-memory SQLite database cannot be shared between connections: name a file")
	}
	return DSN{Path: path}, nil
}

func parseSQLServer(s string) (DSN, error) {
	u, err := url.Parse(s)
	if err != nil { // its text repeats parts of the DSN, and with them of the password
		return DSN{}, errors.New("the sqlserver DSN is not a URL: expected sqlserver://user:password@host:port?database=name, with special characters of the password percent-encoded (% is %25, @ is %40)")
	}
	if u.Host == "" {
		return DSN{}, errors.New("the sqlserver DSN names no host: expected sqlserver://user:password@host:port?database=name")
	}
	q, conns := u.Query(), defaultConns
	for name := range q {
		if strings.EqualFold(name, "fedauth") {
			return DSN{}, errors.New("the sqlserver DSN asks for fedauth, which this program is built without: use a SQL Server login")
		}
	}
	if q.Has(paramConns) {
		if conns, err = strconv.Atoi(q.Get(paramConns)); err != nil || conns < leastConns || conns > mostConns {
			return DSN{}, fmt.Errorf("the sqlserver DSN says %s=%.20s: give a number from %d to %d", paramConns, q.Get(paramConns), leastConns, mostConns)
		}
		q.Del(paramConns)
		u.RawQuery = q.Encode()
	}
	return DSN{URL: u, MaxConns: conns}, nil
}

// String is the DSN without its password, fit for logs.
func (d DSN) String() string {
	if d.URL != nil {
		return d.URL.Redacted()
	}
	return "sqlite:" + d.Path
}

package schema

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
)

// DSN is a parsed data source name.
type DSN struct {
	// Path is the SQLite file; empty for SQL Server.
	Path string
	// URL is the SQL Server address in the driver's own terms, password included, whatever the
	// form it was given in; nil for SQLite. It is not fit for logs.
	URL *url.URL
	// MaxConns bounds the connections for work that one process opens to SQL Server; the
	// parameter max_connections of the DSN.
	MaxConns int

	existing bool         // the SQLite file must not be made
	note     func(string) // is told how the SQLite file is read, by a caller who only reads

	shown string // of SQL Server; made of parts that hold no secret
}

// ParseDSN reads "sqlite:PATH", a plain file path, which is SQLite, or one of the forms that the
// SQL Server driver reads: "sqlserver://user:password@host:port?database=name",
// "server=host;user id=user;password=secret;database=name", and the latter after "odbc:". A text
// with "=" whose keys name a server, a user or a password is never taken for a file. Errors say
// what was wrong and never repeat a password.
func ParseDSN(s string) (DSN, error) {
	switch scheme, rest, found := strings.Cut(s, ":"); {
	case s == "":
		return DSN{}, errors.New("the DSN is empty: give a file (orderflow.db), sqlite:PATH or sqlserver://user:password@host?database=name")
	case found && scheme == "sqlite":
		return sqliteDSN(rest)
	case found && scheme == "sqlserver":
		return sqlServerURL(s)
	case found && scheme == "odbc" || keywords(s):
		return sqlServerDSN(s)
	case found && scheme != "file" && strings.HasPrefix(rest, "//"):
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
	case strings.HasPrefix(path, "file:"):
		return DSN{}, errors.New("the DSN is a URI with file:, which is not known here: give the path alone, or sqlite:PATH")
	}
	return DSN{Path: path}, nil
}

// String is where the database is, without any secret, fit for logs.
func (d DSN) String() string {
	if d.URL != nil {
		return d.shown
	}
	return "sqlite:" + d.Path
}

// OthersCanRead says whether every user of the machine can read the SQLite file.
func (d DSN) OthersCanRead() bool {
	const others = 0o004
	info, err := os.Stat(d.Path)
	return d.URL == nil && err == nil && info.Mode()&others != 0
}

package schema

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// DSN is a parsed data source name.
type DSN struct {
	// Path is the SQLite file; empty for SQL Server.
	Path string
	// URL is the SQL Server address; nil for SQLite.
	URL *url.URL
}

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
	for name := range u.Query() {
		if strings.EqualFold(name, "fedauth") {
			return DSN{}, errors.New("the sqlserver DSN asks for fedauth, which this program is built without: use a SQL Server login")
		}
	}
	return DSN{URL: u}, nil
}

// String is the DSN without its password, fit for logs.
func (d DSN) String() string {
	if d.URL != nil {
		return d.URL.Redacted()
	}
	return "sqlite:" + d.Path
}

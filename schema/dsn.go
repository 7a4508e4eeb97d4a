package schema

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/microsoft/go-mssqldb/msdsn"
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

// Limits of MaxConns. The default has room for an appending transaction in each of 16
// partitions, for claims, projections and queries.
const (
	defaultConns = 20
	leastConns   = 2
	mostConns    = 1000
)

// paramConns is ours; the driver never sees it.
const paramConns = "max_connections"

const expectedURL = "expected sqlserver://user:password@host:port?database=name, with special characters of the password percent-encoded (% is %25, @ is %40, # is %23, / is %2F, ? is %3F)"

// keywords says whether s is in the driver's form of "key=value;key=value".
func keywords(s string) bool {
	for part := range strings.SplitSeq(s, ";") {
		key, _, assigned := strings.Cut(part, "=")
		if assigned && slices.Contains([]string{
			"server", "data source", "address", "network address", "addr", "user id", "user", "uid", "password", "pwd",
		}, strings.TrimSpace(strings.ToLower(key))) {
			return true
		}
	}
	return false
}

// paramName is what the driver's parameters look like.
var paramName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_ ]*$`)

// sqlServerURL refuses URLs in which a password that was not encoded would be taken for
// something else, which would be shown, and then has the driver read it.
func sqlServerURL(s string) (DSN, error) {
	u, err := url.Parse(s)
	if err != nil || strings.Contains(s, "#") || strings.ContainsAny(u.Path, "@:/") && strings.LastIndexAny(u.Path, "@:/") > 0 {
		return DSN{}, errors.New("the sqlserver DSN is not a URL: " + expectedURL) // err repeats parts of the DSN
	}
	if u.Host == "" {
		return DSN{}, errors.New("the sqlserver DSN names no host: " + expectedURL)
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return DSN{}, errors.New("the sqlserver DSN has parameters that are not of the form a=b&c=d: " + expectedURL)
	}
	for name := range query {
		if !paramName.MatchString(name) {
			return DSN{}, errors.New("the sqlserver DSN has a parameter whose name is none: " + expectedURL)
		}
	}
	return sqlServerDSN(s)
}

// sqlServerDSN has the driver take a DSN to its parts, and makes a URL of these.
func sqlServerDSN(s string) (DSN, error) {
	conf, err := msdsn.Parse(s)
	if conf.Parameters == nil { // the driver could not tell the parts from each other
		return DSN{}, errors.New("the SQL Server DSN is malformed: " + expectedURL + ", or server=host;user id=user;password=secret;database=name")
	}
	p := conf.Parameters
	conns, cerr := connsOf(p)
	if cerr != nil {
		return DSN{}, cerr
	}
	switch {
	case err != nil: // what it repeats is the value of a parameter that is no secret
		return DSN{}, fmt.Errorf("the SQL Server DSN: %w", err)
	case p["fedauth"] != "":
		return DSN{}, errors.New("the SQL Server DSN asks for fedauth, which this program is built without: use a SQL Server login")
	case !serverName(p[msdsn.Server]):
		return DSN{}, errors.New("the SQL Server DSN names no server: expected a host or an address, and perhaps \\INSTANCE")
	}
	d := DSN{URL: urlOf(p), MaxConns: conns}
	shown := url.URL{Scheme: "sqlserver", Host: d.URL.Host, Path: d.URL.Path}
	if conf.User != "" {
		shown.User = url.User(conf.User)
	}
	if conf.Database != "" {
		shown.RawQuery = url.Values{msdsn.Database: {conf.Database}}.Encode()
	}
	d.shown = shown.String()
	return d, nil
}

// connsOf takes what is ours out of the driver's parameters.
func connsOf(p map[string]string) (int, error) {
	text, given := p[paramConns]
	delete(p, paramConns)
	if !given {
		return defaultConns, nil
	}
	conns, err := strconv.Atoi(text)
	if err != nil || conns < leastConns || conns > mostConns {
		return 0, fmt.Errorf("the SQL Server DSN says %s=%.20s: give a number from %d to %d", paramConns, text, leastConns, mostConns)
	}
	return conns, nil
}

var (
	hostName     = regexp.MustCompile(`^[\pL0-9._()-]+$`)
	instanceName = regexp.MustCompile(`^[\pL0-9_$#]+$`)
)

// serverName says whether a server is a host or an address, with or without an instance. It
// is shown, and must not be a password that went astray.
func serverName(server string) bool {
	host, instance, _ := strings.Cut(server, `\`)
	return (hostName.MatchString(host) || net.ParseIP(strings.Trim(host, "[]")) != nil) && (instance == "" || instanceName.MatchString(instance))
}

// urlOf is the URL that the driver reads as these parameters.
func urlOf(p map[string]string) *url.URL {
	host, instance, _ := strings.Cut(p[msdsn.Server], `\`)
	host = strings.Trim(host, "[]")
	switch port := p[msdsn.Port]; {
	case port != "":
		host = net.JoinHostPort(host, port)
	case strings.Contains(host, ":"):
		host = "[" + host + "]"
	}
	u := &url.URL{Scheme: "sqlserver", Host: host}
	if instance != "" {
		u.Path = "/" + instance
	}
	user, named := p[msdsn.UserID]
	if password, given := p[msdsn.Password]; given {
		u.User = url.UserPassword(user, password)
	} else if named {
		u.User = url.User(user)
	}
	q := url.Values{}
	for name, value := range p {
		switch name {
		case msdsn.Server, msdsn.Port, msdsn.UserID, msdsn.Password:
		default:
			q.Set(name, value)
		}
	}
	u.RawQuery = q.Encode()
	return u
}

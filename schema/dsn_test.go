package schema

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/microsoft/go-mssqldb/msdsn"
)

func TestParseDSN(t *testing.T) {
	for in, want := range map[string]string{
		"orderflow.db": "sqlite:orderflow.db", "sqlite:a b/c.db": "sqlite:a b/c.db", "./x.db": "sqlite:./x.db", "sqlite:server=x": "sqlite:server=x",
		"a=b.db": "sqlite:a=b.db",
	} {
		d, err := ParseDSN(in)
		if err != nil || d.String() != want || d.URL != nil {
			t.Errorf("%q is %q, err %v; want %q", in, d, err, want)
		}
	}
	for in, want := range map[string]int{
		"sqlserver://h": defaultConns, "sqlserver://h?max_connections=7&database=d": 7, "Server=h;Max_Connections=8": 8, "odbc:server=h;max_connections=9": 9,
	} {
		if d, err := ParseDSN(in); err != nil || d.MaxConns != want || strings.Contains(d.URL.RawQuery, paramConns) {
			t.Errorf("%q has %d connections and the query %q, err %v; want %d", in, d.MaxConns, d.URL.RawQuery, err, want)
		}
	}
}

// secret is a password that is nowhere to be read.
const secret = "S3cret"

// TestParseDSN_secret reads every form that the driver takes: it gets all that it would get from
// the text itself, and what is shown has the place and no secret.
func TestParseDSN_secret(t *testing.T) {
	const place = "sqlserver://u@h:1433?database=d"
	for in, want := range map[string]string{
		"sqlserver://u:S3cret@h:1433?database=d":                                           place,
		"sqlserver://u:S3cret@h:1433/?database=d":                                          place,
		"sqlserver://u:S3cret%23%2F%40%3F@h:1433?database=d":                               place,
		"sqlserver://u:S3cret@x@h:1433?database=d":                                         place,
		"sqlserver://u@h:1433?database=d&password=S3cret%23":                               place,
		"sqlserver://h:1433?database=d&user+id=u&Password=S3cret/@x":                       place,
		"sqlserver://u:S3cret@h:1433?database=d&encrypt=disable&app+name=a+b&pwd=S3cret":   place,
		"sqlserver://u:S3cret@h:1433?database=d&change+password=S3cret2&max_connections=7": place,
		"sqlserver://u:S3cret@h/SQLEXPRESS?database=d":                                     "sqlserver://u@h/SQLEXPRESS?database=d",
		"sqlserver://u:S3cret@[::1]:1433":                                                  "sqlserver://u@[::1]:1433",
		"sqlserver://u:S3cret@[::1]":                                                       "sqlserver://u@[::1]",
		"server=h;port=1433;user id=u;password=S3cret;database=d":                          place,
		"Server=tcp:h,1433;UID=u;PWD=S3cret#/@;Initial Catalog=d;Encrypt=false":            place,
		`Data Source=h,1433;User=u;Password="S3cret;a=""b""";Database=d`:                   place,
		`server=h\SQLEXPRESS;user id=u;password=S3cret;database=d e`:                       "sqlserver://u@h/SQLEXPRESS?database=d+e",
		"password=S3cret;server=::1;port=1433;user id=u":                                   "sqlserver://u@[::1]:1433",
		"odbc:server=h;port=1433;user id=u;password={S3cret;}}#};database=d":               place,
		"odbc:server=h;port=1433;user id=u;password=S3cret/;database=d;app name={a b}":     place,
	} {
		d, err := ParseDSN(in)
		if err != nil || d.String() != want {
			t.Errorf("%q is shown as %q, err %v; want %q", in, d, err, want)
			continue
		}
		asked, err := msdsn.Parse(in)
		if err != nil {
			t.Fatal(err)
		}
		got, err := msdsn.Parse(d.URL.String())
		if err != nil {
			t.Fatal(err)
		}
		asked.Host = strings.Trim(asked.Host, "[]") // which the driver's own parser leaves where there is no port
		got.Host = strings.Trim(got.Host, "[]")
		if !strings.Contains(got.Password, secret) || got.User != asked.User || got.Password != asked.Password || got.ChangePassword != asked.ChangePassword ||
			got.Host != asked.Host || got.Port != asked.Port || got.Instance != asked.Instance || got.Database != asked.Database ||
			got.Encryption != asked.Encryption || got.AppName != asked.AppName {
			t.Errorf("%q: the driver reads %+v, want %+v", in, got.Parameters, asked.Parameters)
		}
	}
}

// TestParseDSN_refused: what is refused is not repeated, since a password may be anywhere in it.
func TestParseDSN_refused(t *testing.T) {
	for _, in := range []string{
		"", "sqlite:", "sqlite::memory:", ":memory:", "file:ok.db", "sqlite:file:ok.db", "file:///tmp/ok.db", "postgres://u:S3cret@h/d", "sqlserver:h", "sqlserver://",
		"sqlserver://h?database=d&FedAuth=ActiveDirectoryDefault", "server=h;fedauth=x;password=S3cret",
		"sqlserver://h?max_connections=1", "sqlserver://h?max_connections=1001", "server=h;max_connections=many",
		"sqlserver://u:S3%zzcret@h", "sqlserver://u:S3cret#x@h", "sqlserver://u:1S3cret#x@h", "sqlserver://u:1#S3cret@h?database=d", "sqlserver://u:p@S3cret#@h",
		"sqlserver://u:1/S3cret@h", "sqlserver://u:1/S3cret@h?database=d", "sqlserver://u:p@x/S3cret@h", "sqlserver://u:1?S3cret@h?database=d", "sqlserver://u:1?S3cret@h",
		"sqlserver://u:p@h?database=d;password=S3cret", "sqlserver://u:S3cret@h?database=d&database=e", "sqlserver://u:S3cret@h?password=S3cret",
		"sqlserver://u:S3cret@h?port=many", "password=S3cret;database=d", "odbc:password={S3cret", "odbc:server=h;password={S3cret}S3cret;x=1", "odbc:server=h;=S3cret",
		"server=u:S3cret@h", "server=sqlserver://u:S3cret@h?database=d", `server=h\S3cret/x;uid=u`, "sqlserver://h,S3cret@:1",
	} {
		d, err := ParseDSN(in)
		if err == nil {
			t.Errorf("%q was taken for %q", in, d)
		} else if strings.Contains(err.Error(), secret) {
			t.Errorf("%q: the error repeats the password: %v", in, err)
		}
	}
}

// TestOpen_secret: nobody answers, and the error says where and not with what.
func TestOpen_secret(t *testing.T) {
	for _, in := range []string{
		"sqlserver://u:S3cret@127.0.0.1:1?database=d&dial+timeout=1", "sqlserver://127.0.0.1:1?password=S3cret&user+id=u&dial+timeout=1",
		"server=127.0.0.1,1;user id=u;pwd=S3cret#/;dial timeout=1", "odbc:server=127.0.0.1;port=1;user id=u;password={S3cret;};dial timeout=1",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		_, err := Open(ctx, in)
		cancel()
		if err == nil || strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), "127.0.0.1") {
			t.Errorf("%q: err %v, want the place and no password", in, err)
		}
	}
}

func FuzzParseDSN(f *testing.F) {
	for _, in := range []string{"sqlserver://u:%s@h:1?database=d", "server=h;password=%s;user id=u", "odbc:server=h;password={%s};user id=u", "sqlserver://h?password=%s"} {
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, in string) {
		d, err := ParseDSN(in)
		if err != nil || d.URL == nil {
			return
		}
		asked, err := msdsn.Parse(in)
		if err != nil {
			t.Fatalf("%q: %v", in, err)
		}
		got, err := msdsn.Parse(d.URL.String())
		if err != nil || got.Password != asked.Password || got.User != asked.User || got.Database != asked.Database {
			t.Errorf("%q became another: %q, err %v", in, d.URL, err)
		}
	})
}

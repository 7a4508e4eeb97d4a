package schema

import (
	"database/sql"
	"database/sql/driver"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf16"

	mssql "github.com/microsoft/go-mssqldb"
)

// SQL Server keeps a plan by a statement's text and the declarations of its parameters. The driver declares
// text by the length of the value, nvarchar(11) and nvarchar(12), which would make a plan for every length.
// So all text is declared nvarchar(max), the one declaration of it that does not depend on the value. Where
// a column is compared with it, the text converts it to nvarchar(4000): an index is searched for a value of
// its column's type, while nvarchar(max) would have the column converted. The server sees through the
// conversion of a parameter when it estimates rows (Cardinality Estimation, compile-time evaluation of
// expressions: CAST and CONVERT). NULL can only be declared nvarchar(4000) or not at all, so it travels as ''.

// mostCompared is how many characters a value has at most that is compared. No column that is compared holds
// more.
const mostCompared = 4000

// typed is a statement, cut into the pieces between its placeholders.
type typed struct {
	pieces []string // one more than there are placeholders
	places []place
}

// place is where a placeholder stands.
type place struct {
	number   int
	compared bool
}

// kinds of arguments, as far as their declaration depends on it.
const (
	kindOther = iota
	kindText  // NVARCHAR(MAX)
	kindNull  // text that may be NULL
	kindLong  // text that is too long to be converted
)

// kept are the typed statements; there are few different ones, whatever their arguments.
var kept sync.Map // of *typed by statement

// declared is a statement with arguments whose declarations do not depend on their values.
type declared struct {
	*typed
	args  []any
	kinds []byte // of args
}

// declare declares the arguments of a statement.
func declare(query string, args []any) declared {
	d := declared{args: make([]any, len(args)), kinds: make([]byte, len(args))}
	for i, arg := range args {
		d.kinds[i], d.args[i] = declaredAs(arg)
	}
	t, known := kept.Load(query)
	if !known {
		t, _ = kept.LoadOrStore(query, typeOf(query))
	}
	d.typed = t.(*typed)
	return d
}

// write writes the statement with its parameters numbered after the first few.
func (d declared) write(to *strings.Builder, after int) {
	for i, p := range d.places {
		to.WriteString(d.pieces[i])
		written := around(d.kind(p.number), p.compared)
		for _, before := range written[:len(written)-1] {
			to.WriteString(before)
			to.WriteString("@p")
			to.WriteString(strconv.Itoa(p.number + after))
		}
		to.WriteString(written[len(written)-1])
	}
	to.WriteString(d.pieces[len(d.places)])
}

// kind is that of the argument with a number.
func (d declared) kind(n int) byte {
	if n < 1 || n > len(d.kinds) {
		return kindOther
	}
	return d.kinds[n-1]
}

func declaredAs(arg any) (kind byte, _ any) {
	switch v := arg.(type) {
	case string:
		if len(v) > mostCompared && characters(v) > mostCompared {
			return kindLong, mssql.NVarCharMax(v)
		}
		return kindText, mssql.NVarCharMax(v)
	case sql.NullString:
		if v.Valid == (v.String != "") {
			return kindNull, mssql.NVarCharMax(v.String)
		}
	case driver.Valuer, []byte, int, int64:
	default:
		if r := reflect.ValueOf(arg); r.Kind() == reflect.String {
			return declaredAs(r.String())
		}
	}
	return kindOther, arg
}

// characters counts those that text has on SQL Server.
func characters(text string) (n int) {
	for _, r := range text {
		n += utf16.RuneLen(r)
	}
	return n
}

// tokens are what tells where in a statement a placeholder stands.
var tokens = regexp.MustCompile(`\b(?:SET|WHERE|FROM|ON|WHEN|SELECT|VALUES|IN)\b|\)|[=<>]\s*\?\d+|\?\d+`)

// typeOf finds out where the placeholders of a statement are compared: after an operator that does not
// assign, and in a list after IN.
func typeOf(query string) *typed {
	t := &typed{}
	assigns, listed, end := false, false, 0
	for _, at := range tokens.FindAllStringIndex(query, -1) {
		token := query[at[0]:at[1]]
		mark := strings.IndexByte(token, '?')
		if mark < 0 {
			assigns, listed = token == "SET" || assigns && token == ")", token == "IN"
			continue
		}
		n, _ := strconv.Atoi(token[mark+1:]) // the expression lets digits through only
		t.pieces = append(t.pieces, query[end:at[0]+mark])
		t.places = append(t.places, place{n, !assigns && (mark > 0 || listed)})
		end = at[1]
	}
	t.pieces = append(t.pieces, query[end:])
	return t
}

// What a placeholder is written between, once or twice. The length tells text from none: a comparison with
// the empty text passes over spaces at the end and over characters without weight.
var (
	asItIs = []string{"", ""}
	orNull = []string{"CASE WHEN DATALENGTH(", ") > 0 THEN ", " END"}
	// where it is compared
	converted       = cast(asItIs)
	convertedOrNull = cast(orNull)
)

// cast converts what is written.
func cast(written []string) []string {
	c := slices.Clone(written)
	c[0] = "CAST(" + c[0]
	c[len(c)-1] += " AS NVARCHAR(" + strconv.Itoa(mostCompared) + "))"
	return c
}

// around is what a placeholder is written between.
func around(kind byte, compared bool) []string {
	switch {
	case kind == kindNull && compared:
		return convertedOrNull
	case kind == kindNull:
		return orNull
	case kind == kindText && compared:
		return converted
	}
	return asItIs
}

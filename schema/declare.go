package schema

import (
	"database/sql"
	"database/sql/driver"
	"reflect"
	"regexp"
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

// typed is a statement with placeholders, cut into the pieces between their numbers.
type typed struct {
	pieces  []string // one more than there are numbers
	numbers []int
}

// write writes the statement with its parameters numbered after the first few.
func (t *typed) write(to *strings.Builder, after int) {
	for i, n := range t.numbers {
		to.WriteString(t.pieces[i])
		to.WriteString(strconv.Itoa(n + after))
	}
	to.WriteString(t.pieces[len(t.numbers)])
}

// kinds of arguments, as far as their declaration depends on it.
const (
	kindOther = iota
	kindText  // NVARCHAR(MAX)
	kindNull  // text that may be NULL
	kindLong  // text that is too long to be converted
)

// form names a typed statement.
type form struct{ query, kinds string }

// kept are the typed statements; there are few different ones.
var kept sync.Map // of *typed by form

// declare gives a statement and its arguments with declarations that do not depend on the arguments' values.
func declare(query string, args []any) (*typed, []any) {
	kinds, declared := make([]byte, len(args)), make([]any, len(args))
	for i, arg := range args {
		kinds[i], declared[i] = declaredAs(arg)
	}
	key := form{query, string(kinds)}
	if t, known := kept.Load(key); known {
		return t.(*typed), declared
	}
	t := typeOf(key)
	kept.Store(key, t)
	return t, declared
}

func declaredAs(arg any) (kind byte, _ any) {
	switch v := arg.(type) {
	case string:
		if len(v) > mostCompared && len(utf16.Encode([]rune(v))) > mostCompared {
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

// tokens are what tells where in a statement a placeholder stands.
var tokens = regexp.MustCompile(`\b(?:SET|WHERE|FROM|ON|WHEN|SELECT|VALUES|IN)\b|\)|[=<>]\s*\?\d+|\?\d+`)

// typeOf finds out where the placeholders of text are compared: after an operator that does not assign, and
// in a list after IN.
func typeOf(f form) *typed {
	t := &typed{}
	var piece strings.Builder
	assigns, listed, end := false, false, 0
	for _, at := range tokens.FindAllStringIndex(f.query, -1) {
		token := f.query[at[0]:at[1]]
		mark := strings.IndexByte(token, '?')
		if mark < 0 {
			assigns, listed = token == "SET" || assigns && token == ")", token == "IN"
			continue
		}
		n, _ := strconv.Atoi(token[mark+1:]) // the expression lets digits through only
		piece.WriteString(f.query[end : at[0]+mark])
		end = at[1]
		compared := !assigns && (mark > 0 || listed)
		written := around(f.kind(n), compared)
		for _, before := range written[:len(written)-1] {
			piece.WriteString(before + "@p")
			t.pieces, t.numbers = append(t.pieces, piece.String()), append(t.numbers, n)
			piece.Reset()
		}
		piece.WriteString(written[len(written)-1])
	}
	piece.WriteString(f.query[end:])
	t.pieces = append(t.pieces, piece.String())
	return t
}

func (f form) kind(n int) byte {
	if n < 1 || n > len(f.kinds) {
		return kindOther
	}
	return f.kinds[n-1]
}

// around is what the placeholder is written between, once or twice. The length tells text from none: a
// comparison with the empty text passes over spaces at the end and over characters without weight.
func around(kind byte, compared bool) []string {
	pieces := []string{"", ""}
	if kind == kindNull {
		pieces = []string{"CASE WHEN DATALENGTH(", ") > 0 THEN ", " END"}
	}
	if compared && (kind == kindText || kind == kindNull) {
		pieces[0] = "CAST(" + pieces[0]
		pieces[len(pieces)-1] += " AS NVARCHAR(" + strconv.Itoa(mostCompared) + "))"
	}
	return pieces
}

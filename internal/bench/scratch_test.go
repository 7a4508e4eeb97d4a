package bench

import (
	"testing"

	"orderflow/schema"
)

// TestScratch_server: what the DSN says of the server holds for the databases made there.
func TestScratch_server(t *testing.T) {
	s, err := newScratch(t.Context(), "sqlserver://u:p@h:1?database=master&encrypt=disable&max_connections=6", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	d, err := schema.ParseDSN(s.dsnOf("b"))
	if err != nil {
		t.Fatal(err)
	}
	q := d.URL.Query()
	if d.MaxConns != 6 || q.Get("database") != "b" || q.Get("encrypt") != "disable" {
		t.Errorf("%s, with %d connections", d, d.MaxConns)
	}
}

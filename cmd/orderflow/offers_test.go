package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"orderflow/domain"
	"orderflow/handlers/diagnosis"
)

// TestOffers: a command that is offered works on the database that the command was given.
func TestOffers(t *testing.T) {
	here, err := filepath.Abs("two.db")
	if err != nil {
		t.Fatal(err)
	}
	for dsn, want := range map[string]string{
		"two.db": " --dsn " + here, "sqlite:two.db": " --dsn " + here, "/srv/my shop's.db": ` --dsn '/srv/my shop'\''s.db'`,
		"sqlserver://of:secret@db:1433?database=shop": "", "server=db;user id=of;password=secret;database=shop": "",
		"sqlserver://db:1433?database=shop": " --dsn 'sqlserver://db:1433?database=shop'",
	} {
		if got := offersFor(dsn); string(got) != want {
			t.Errorf("for %q it is %q, want %q", dsn, got, want)
		}
	}
	if got, want := offers(" --dsn x").text(`run "orderflow migrate", and not "it"`), `run "orderflow migrate --dsn x", and not "it"`; got != want {
		t.Errorf("the text is %q, want %q", got, want)
	}
}

// TestOffers_pasted: what commands offer names the database, also as JSON, unless that is in the environment.
func TestOffers_pasted(t *testing.T) {
	db := database(t)
	doctor(t, db, fmt.Sprint(`UPDATE compatibility SET event_level = `, domain.EventLevel)) // as if nodes had been here
	id := strings.TrimSpace(call("orders", "place", "--dsn", db).stdout)
	one := call("orders", "diagnose", id, "--dsn", db).stdout
	for _, want := range []string{"orderflow nodes list --all --dsn " + db + " ", "orderflow serve --roles worker --dsn " + db + " "} {
		if !strings.Contains(one, want) {
			t.Errorf("it does not offer %q:\n%s", want, one)
		}
	}
	var a diagnosis.Answer
	decode(t, must(t, "orders", "diagnose", id, "--json", "--dsn", db), &a)
	if !strings.HasSuffix(a.Actions[0].Command, " --dsn "+db) {
		t.Errorf("as JSON it offers %+v", a.Actions)
	}
	if all := call("orders", "diagnose", "--all", "--dsn", db).stdout; !strings.Contains(all, "orders diagnose "+id+" --dsn "+db+" ") {
		t.Errorf("of all it offers %s", all)
	}
	if r := call("projections", "rebuild", "--quiet", "--dsn", db); r.code != exitDone {
		t.Fatal(r.stderr)
	}
	if r := call("orders", "cancel", "--all", "--reason", "r", "--confirm", "1", "--dsn", db); !strings.Contains(r.stdout, " --watch --dsn "+db) {
		t.Errorf("of a job it offers %s%s", r.stdout, r.stderr)
	}
	t.Setenv("ORDERFLOW_DSN", db)
	if one := call("orders", "diagnose", id).stdout; !strings.Contains(one, "serve --roles worker ") || strings.Contains(one, "--dsn") {
		t.Errorf("with the DSN in the environment it offers:\n%s", one)
	}
}

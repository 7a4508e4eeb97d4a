package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/transport/messaging/inflight"
)

// manual is docs/operations.md.
func manual(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// allPlaces are the commands, by their paths.
func allPlaces(t *testing.T) map[string]place {
	t.Helper()
	app, all := kong.Must(&cli{}, kong.Name("orderflow"), kong.Vars{"version": "v"}), map[string]place{}
	for _, p := range places("orderflow", app.Model.Node) {
		all[p.path] = p
	}
	return all
}

// TestOperations_flags: the manual has every flag of a node.
func TestOperations_flags(t *testing.T) {
	text := manual(t)
	for _, f := range allPlaces(t)["orderflow serve"].flags {
		if f.Name != "help" && f.Name != "version" && !strings.Contains(text, "`--"+f.Name+"`") {
			t.Errorf("docs/operations.md does not say what --%s is for", f.Name)
		}
	}
}

// toldCommand is a command of the manual.
type toldCommand struct {
	words []string
	named bool // in a sentence: it may lack what it needs
}

var (
	inBlock    = regexp.MustCompile(`(?m)^(?:    )+(?:bin/)?(orderflow [a-z].*|scripts/.*)$`)
	inSentence = regexp.MustCompile("`((?:orderflow )?[a-z]+(?: [^`]*)?)`")
	aWord      = regexp.MustCompile(`"[^"]*"|'[^']*'|\S+`)
)

// toldCommands are all commands of the manual and of what a diagnosis tells people to run, each once.
func toldCommands(t *testing.T) (all []toldCommand) {
	t.Helper()
	text, known := manual(t), allPlaces(t)
	seen := map[string]bool{}
	add := func(command string, named bool) {
		command, _, _ = strings.Cut(command, " # ")
		if seen[command] || strings.HasPrefix(command, "scripts/") { // these have tests of their own
			return
		}
		seen[command] = true
		words := aWord.FindAllString(strings.TrimPrefix(command, "orderflow "), -1)
		for i := range words {
			words[i] = strings.Trim(words[i], `"'`)
		}
		all = append(all, toldCommand{words: words, named: named})
	}
	for _, m := range inBlock.FindAllStringSubmatch(text, -1) {
		add(m[1], false)
	}
	diagnoses, err := os.ReadFile("../../handlers/diagnosis/testdata/commands.txt")
	if err != nil {
		t.Fatal(err)
	}
	for command := range strings.Lines(string(diagnoses)) {
		add(strings.TrimSpace(command), false)
	}
	for _, m := range inSentence.FindAllStringSubmatch(text, -1) {
		words := strings.Fields(strings.TrimPrefix(m[1], "orderflow "))
		_, is := known["orderflow "+strings.Join(words[:min(2, len(words))], " ")]
		if is && len(words) > 1 || strings.HasPrefix(m[1], "orderflow ") {
			add(m[1], true)
		}
	}
	return all
}

// operated is a database in which there is something for every command: a pending, a failed and two parked orders with
// their letters, a job, an alarm, and a live node.
type operated struct {
	content                 []byte
	pending, parked, failed string
	job                     string
}

const (
	aNode   = "node-1f09ac7e"
	anAlarm = `INSERT INTO alarms (id, code, subject, what, raised_at) VALUES (x'01a220f362327e6da00dc30fe7be8c81', 'projection_late', 'orders', 'it stands still', '2026-01-31T12:00:00.000000')`
)

// prepared makes it.
func prepared(t *testing.T) (o operated) {
	t.Helper()
	path := database(t)
	doctor(t, path, fmt.Sprint(`UPDATE compatibility SET event_level = `, domain.EventLevel)) // as if nodes had been here
	o.pending = strings.TrimSpace(said(t, "orders", "place", "--dsn", path))
	serviceOf(t, path, func(s service) {
		b := newBulk(t, s, 2)
		o.parked = b.orders[b.keys[0]].String()
		id := domain.OrderID{2, 6: 0x70, 8: 0x80}
		o.failed = id.String()
		first := domain.Steps()[0]
		unit, err := work.Prepare(&domain.Order{ID: id}, domain.Metadata{}, domain.Place{}, domain.StartStep{Step: first, Attempt: 1, Node: "n"},
			domain.FailStep{Step: first, Attempt: 1, Error: "no"}, domain.RollBackStep{Step: first, Attempt: 1, Node: "n"})
		if err == nil {
			unit.Messages = nil
			_, err = s.store.Append(t.Context(), unit)
		}
		if err == nil {
			err = s.db.JoinClock(t.Context(), func(string) {})
		}
		if err == nil {
			_, err = inflight.NewNodes(s.db).Register(t.Context(), work.Node{Node: aNode, Slots: 50, Roles: "api,worker,projector", StartedAt: time.Now()}, time.Hour)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	said(t, "projections", "rebuild", "--quiet", "--dsn", path)
	var job struct {
		ID string `json:"id"`
	}
	text := said(t, "deadletters", "requeue", "--topic", "scheduling", "--reason", "r", "--confirm", "2", "--json", "--dsn", path)
	if err := json.Unmarshal([]byte(text), &job); err != nil || job.ID == "" {
		t.Fatal(err, text)
	}
	o.job = job.ID
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	o.content = content
	return o
}

// words are those of a command, with what there is in the place of examples.
func (o operated) words(c toldCommand) (words []string) {
	command := strings.Join(c.words[:min(2, len(c.words))], " ")
	order := map[string]string{"orders fail": o.parked, "orders retry": o.failed}[command]
	if order == "" {
		order = o.pending
	}
	for _, w := range c.words {
		switch {
		case w == "--watch" || w == "--wait": // until somebody else has done something
			continue
		case w == "ID" || w == "ORDER-ID":
			w = order
		case uuids.MatchString(w):
			w = map[string]string{"jobs": o.job, "alarms": "01a220f3-6232-7e6d-a00d-c30fe7be8c81"}[c.words[0]]
			if w == "" {
				w = order
			}
		case (w == "LETTER" || strings.HasPrefix(w, "workers:")) && command == "deadletters discard":
			w = "workers:processing/0/4712" // for which no order waits
		case w == "LETTER" || strings.HasPrefix(w, "workers:"):
			w = "workers:processing/0/4711"
		case w == "NODE":
			w = aNode
		case w == "STEP":
			w = "Processing"
		case w == "CODE":
			w = "parked"
		case w == "FILE":
			w = "new.db"
		case w == "2026-01-31T00:00:00Z" && strings.HasSuffix(words[len(words)-1], "-before"):
			w = "2999-01-31T00:00:00Z"
		}
		words = append(words, w)
	}
	return words
}

var (
	uuids  = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	counts = regexp.MustCompile(`--confirm (\d+)`)
)

// TestOperations_commands runs every command that people are told to run, each on a copy of one database. Of those that would run on,
// or need another machine, it only looks whether the program understands them.
func TestOperations_commands(t *testing.T) {
	all := toldCommands(t)
	if len(all) < 60 {
		t.Fatalf("the manual has %d commands", len(all))
	}
	o, known := prepared(t), allPlaces(t)
	ran := 0
	for _, c := range all {
		words := o.words(c)
		t.Run(strings.Join(words, " "), func(t *testing.T) {
			if slices.Contains(words, "--help") {
				return // its path is one of the program's
			}
			if words[0] == "serve" || words[0] == "bench" {
				if _, err := parse(t, words...); err != nil {
					t.Error(err)
				}
				return
			}
			t.Chdir(t.TempDir())
			o.lay(t, words)
			if i := slices.Index(words, "--confirm"); i > 0 { // as many as there are
				r := call(append(slices.Concat(words[:i], words[i+2:]), "--dsn", "orderflow.db")...)
				if found := counts.FindStringSubmatch(r.stderr); found != nil {
					words[i+1] = found[1]
				} else {
					t.Errorf("there is nothing to confirm: %s", r.stderr)
				}
			}
			if !slices.Contains(words, "--dsn") && !slices.Contains(words, "completion") {
				words = append(words, "--dsn", "orderflow.db")
			}
			r := call(words...)
			_, is := known["orderflow "+strings.Join(c.words[:min(2, len(c.words))], " ")]
			incomplete := c.named && r.code == exitUsage && is
			if r.code != exitDone && !incomplete {
				t.Errorf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
			}
			ran++
		})
	}
	t.Logf("%d of %d commands were run", ran, len(all))
}

// lay writes the files that a command needs to the folder where it runs.
func (o operated) lay(t *testing.T, words []string) {
	t.Helper()
	for _, name := range []string{"orderflow.db", "copy.db"} {
		if err := os.WriteFile(name, o.content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	here, err := filepath.Abs("orderflow.db")
	if err != nil {
		t.Fatal(err)
	}
	switch words[0] {
	case "deadletters": // the letters of the examples
		doctor(t, here, `UPDATE dead_letters SET topic = 'processing', position = 4711 WHERE position = (SELECT MIN(position) FROM dead_letters)`,
			`UPDATE dead_letters SET topic = 'processing', position = 4713 WHERE topic = 'scheduling'`,
			`INSERT INTO dead_letters SELECT consumer_group, topic, partition, 4712, 'u', CAST('{"order_id":"`+o.failed+`"}' AS BLOB), metadata, attempt, interruptions, reason, parked_at FROM dead_letters WHERE position = 4711`)
	case "alarms":
		doctor(t, here, anAlarm)
	case "restore":
		said(t, "backup", "backup.db", "--dsn", here)
		doctor(t, here, `DELETE FROM nodes`)
	}
}

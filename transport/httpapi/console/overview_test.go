package console_test

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"orderflow/domain"
	"orderflow/projections/cluster"
	"orderflow/transport/httpapi/console"
)

// TestOverview: what the first page says of a cluster.
func TestOverview(t *testing.T) {
	one := quiet()
	one.answer.Wrong = []string{"no live node has the role api: nobody takes orders"}
	set := quiet()
	set.answer.Wanted = night().answer.Wanted
	idle := night()
	for i := range idle.answer.Last {
		idle.answer.Last[i].Steps[2].Wait, idle.answer.Last[i].Steps[2].Run = cluster.Quantiles{}, cluster.Quantiles{}
	}
	many := quiet()
	for range 20 {
		many.answer.Wrong = append(many.answer.Wrong, "it burns")
	}
	for name, c := range map[string]struct {
		f    fake
		want []string
		not  []string
	}{
		"night": {night(), []string{
			"Orders are moving. 2 things need you.", `<svg class="i badc"`, "&lt;script&gt;x&lt;/script&gt;", "over 10,000", "The watchdog is late", "1,234,567", "no live node has the role api", "23 min",
			`aria-label="1 rollback, 14 scheduling, 50 slots"`, "9.4 placed a second", "3 beyond the log", "18.2", "parked", "2 h", "1,450 open orders were looked at, the oldest; there are more",
			`<a href="/ui/overview/nodes.csv">`, "41,883,519", "last 1 min", "the &lt;ledger&gt; is down", `href="/ui/orders/00000000-0000-0000-0000-0000000000ab"><span class="vh">order </span>…000000ab</a>`,
		}, []string{"All is well"}},
		"quiet": {quiet(), []string{
			"All is well: in the last minute 0 orders were placed and 0 completed; nothing needs you.", "No alarm is open.", "No node lives", "No order is open.", "No projection has begun.", "No step has ended",
		}, []string{"could not be read", "What operators have set"}},
		"one thing":  {one, []string{`<p class="lede-say">One thing needs you: no live node has the role api: nobody takes orders.`}, []string{"All is well"}},
		"set":        {set, []string{"Nothing is wrong: in the last minute", "what operators have set is in force."}, []string{"All is well", "nothing needs you"}},
		"idle step":  {idle, []string{`<span class="mut">none</span></td></tr>`}, []string{">0 s<"}},
		"many":       {many, []string{"20 things need you.", "and 12 more"}, nil},
		"unreadable": {blind(), []string{"the disk of queues", "the disk of alarms", "the disk of nodes", "the disk of controls", "the disk of last day", "no survey &lt;today&gt;", "–"}, []string{"All is well", "No alarm is open", "No node lives", "No order is open"}},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := get(t, c.f, "/ui")
			if err != nil {
				t.Fatal(err)
			}
			text := wantPage(t, p)
			for _, want := range c.want {
				if !strings.Contains(text, want) {
					t.Errorf("it does not say %q", want)
				}
			}
			for _, not := range c.not {
				if strings.Contains(text, not) {
					t.Errorf("it says %q", not)
				}
			}
		})
	}
	if _, err := get(t, fake{err: domain.ErrUnavailable}, "/ui"); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("where nothing can be read the error is %v", err)
	}
}

// TestOverview_files: every table that the page names can be had as CSV and as JSON, with as many rows.
func TestOverview_files(t *testing.T) {
	p, err := get(t, night(), "/ui")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`/ui/overview/([a-z]+)\.csv`).FindAllStringSubmatch(string(p.Body), -1)
	if len(named) != 8 {
		t.Errorf("the page names %d tables", len(named))
	}
	for _, n := range named {
		t.Run(n[1], func(t *testing.T) {
			asCSV, err := get(t, night(), "/ui/overview/"+n[1]+".csv")
			if err != nil || !strings.HasPrefix(asCSV.Type, "text/csv") || asCSV.SaveAs != "orderflow-"+n[1]+"-20261128T031422Z.csv" {
				t.Fatalf("%s, %s, err %v", asCSV.Type, asCSV.SaveAs, err)
			}
			records, err := csv.NewReader(bytes.NewReader(asCSV.Body)).ReadAll()
			if err != nil || len(records) < 2 || len(records[0]) != len(records[1]) {
				t.Fatalf("%q, err %v", records, err)
			}
			asJSON, err := get(t, night(), "/ui/overview/"+n[1]+".json")
			if err != nil {
				t.Fatal(err)
			}
			var found map[string]json.RawMessage
			var rows []map[string]any
			if err := errors.Join(json.Unmarshal(asJSON.Body, &found), json.Unmarshal(found[n[1]], &rows)); err != nil || len(rows) != len(records)-1 {
				t.Errorf("%d rows, want %d, err %v", len(rows), len(records)-1, err)
			}
			if _, err := get(t, quiet(), "/ui/overview/"+n[1]+".json"); err != nil {
				t.Errorf("empty: %v", err)
			}
			if _, err := get(t, blind(), "/ui/overview/"+n[1]+".csv"); !errors.Is(err, domain.ErrUnavailable) {
				t.Errorf("where it could not be read the error is %v", err)
			}
		})
	}
	if _, err := get(t, night(), "/ui/overview/nothing.csv"); !errors.Is(err, console.ErrNoPage) {
		t.Errorf("of a table that there is not the error is %v", err)
	}
}

// TestOverview_digits: files keep digits, and no text in them is a formula.
func TestOverview_digits(t *testing.T) {
	for path, want := range map[string]string{
		"projections.csv": "orders,41849295,41883519,34224,372,growing,3\r\n",
		"nodes.csv":       "node-a,3,alive,worker projector,50,15,,1.8.2,2026-11-28T03:14:22Z,2026-11-28T03:14:22Z,0.4\r\n",
		"alarms.csv":      "disk_nearly_full,warning,acknowledged,shop.db,'=1+1,2026-11-28T03:14:22Z\r\n",
		"queues.csv":      "10000,true,0,38.4,false",
	} {
		if p, err := get(t, night(), "/ui/overview/"+path); err != nil || !strings.Contains(string(p.Body), want) {
			t.Errorf("%s has no %q, err %v:\n%s", path, want, err, p.Body)
		}
	}
}

// TestOverview_weight: the first page, with its style, has 60 kB at most as it is sent.
func TestOverview_weight(t *testing.T) {
	f := night()
	for len(f.answer.Nodes) < 32 {
		f.answer.Nodes = append(f.answer.Nodes, f.answer.Nodes[0])
	}
	p, err := get(t, f, "/ui")
	if err != nil {
		t.Fatal(err)
	}
	style, err := get(t, f, regexp.MustCompile(`/ui/console\.css[^"]*`).FindString(string(p.Body)))
	if err != nil || !style.Kept || len(style.Body) == 0 {
		t.Fatalf("the style has %d bytes, kept %v, err %v", len(style.Body), style.Kept, err)
	}
	if other, err := get(t, f, "/ui/console.css?v=old"); err != nil || other.Kept {
		t.Errorf("the style at an address of another one may be kept, err %v", err)
	}
	if bytes.Contains(style.Body, []byte("@import")) || bytes.Contains(style.Body, []byte("url(")) {
		t.Error("the style loads more")
	}
	sum := 0
	for _, body := range [][]byte{p.Body, style.Body} {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if _, err := z.Write(body); err != nil || z.Close() != nil {
			t.Fatal(err)
		}
		sum += b.Len()
	}
	if t.Logf("%d bytes", sum); sum > 60_000 {
		t.Errorf("page and style have %d bytes", sum)
	}
}

func TestFail(t *testing.T) {
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/ui/orders", nil)
	for status, want := range map[int]string{401: "Authorization: Bearer TOKEN", 404: "it is <not> there", 503: "load the page again"} {
		p, err := console.Fail(r, console.Failure{Status: status, Title: "T", Detail: "it is <not> there", CorrelationID: "c-1"})
		text := wantPage(t, p)
		if want = strings.NewReplacer("<", "&lt;", ">", "&gt;").Replace(want); err != nil || !strings.Contains(text, want) || !strings.Contains(text, "c-1") {
			t.Errorf("%d: err %v, no %q in %s", status, err, want, text)
		}
	}
}

// TestMarks: every state that an answer may have has a mark of its own.
func TestMarks(t *testing.T) {
	f := night()
	states := []string{cluster.Alive, cluster.Draining, cluster.Cordoned, cluster.Lost}
	f.answer.Nodes = nil
	for _, s := range states {
		f.answer.Nodes = append(f.answer.Nodes, cluster.Node{Node: s, State: s})
	}
	p, err := get(t, f, "/ui")
	if err != nil {
		t.Fatal(err)
	}
	text := wantPage(t, p)
	for _, s := range states {
		if !regexp.MustCompile(`<span class="m [a-z]+"><svg class="i" aria-hidden="true"><use href="#i-(alive|drain|cordon|lost)"/></svg>` + s + `</span>`).MatchString(text) {
			t.Errorf("the state %s has no mark", s)
		}
	}
}

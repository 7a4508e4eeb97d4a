package schema

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestFill: whatever a group has to write, it is sent in few texts, in order, and what is sent beyond it has
// arguments for which nothing is done.
func TestFill(t *testing.T) {
	text := func(questions []Question) (text string, args []any) {
		var b strings.Builder
		for _, q := range fill(questions) {
			d := declare(q.Query, q.Args)
			d.write(&b, len(args))
			args = append(args, d.args...)
		}
		return b.String(), args
	}
	rows := func(n int) Question {
		q := Question{Query: `INSERT INTO t (a, b) VALUES *`, Width: 2}
		for i := range n {
			q.Args = append(q.Args, i, strings.Repeat("b", rand.IntN(5000)))
		}
		return q
	}
	texts := map[string]bool{}
	const groups, most = 500, 70
	for range groups {
		questions := []Question{rows(1 + rand.IntN(most)), rows(1 + rand.IntN(most))}
		for i := range rand.IntN(most) {
			questions = append(questions, Question{Query: `UPDATE t SET a = ?2 WHERE b = ?1`, Args: []any{fmt.Sprint(i), i + 1}, Spare: true})
		}
		sent, _ := text(questions)
		texts[sent] = true
	}
	if n := len(texts); n > 150 {
		t.Errorf("%d groups make %d texts, want 150 at most", groups, n)
	}

	some := func(n int) Question {
		return Question{Query: `DELETE FROM t WHERE a = ?1`, Args: []any{n, "x"}, Spare: true}
	}
	other := Question{Query: `SELECT 1`}
	var got []any
	for _, q := range fill([]Question{other, some(7), some(8), other, some(9)}) {
		got = append(got, q.Query[:1], q.Args)
	}
	const want = `[S [] D [7 x] D [8 x] D [0 ] D [0 ] S [] D [9 x] D [0 ] D [0 ] D [0 ]]`
	if got := fmt.Sprint(got); got != want {
		t.Errorf("equal statements are filled up to\n%s\nwant\n%s", got, want)
	}
}

// TestFill_sizes: what few parts have is filled up by little, many parts have few sizes, and what one order
// takes is small.
func TestFill_sizes(t *testing.T) {
	spare := func(query string, n int) []Question {
		return slices.Repeat([]Question{{Query: query + ` FROM t WHERE a = ?1`, Args: []any{1}, Spare: true}}, n)
	}
	rows := func(into string, n int) []Question {
		return []Question{{Query: into + ` VALUES *`, Args: slices.Repeat([]any{1}, n), Width: 1}}
	}
	for _, c := range []struct {
		questions [][]Question
		want      string
	}{
		{[][]Question{spare("end", 5)}, "end 8"},
		{[][]Question{spare("keep", 5), spare("end", 1), rows("events", 6)}, "keep 8, end 8, events 16"},
		{[][]Question{spare("keep", 20), spare("end", 1), rows("events", 21), rows("outbox", 1)}, "keep 32, end 16, events 32, outbox 16"},
		{[][]Question{spare("keep", 2), spare("end", 1), rows("events", 3), rows("outbox", 1), spare("pass", 2)},
			"keep 8, end 8, events 16, outbox 16, pass 8"},
		{[][]Question{spare("keep", 1), rows("keys", 1), rows("events", 1), rows("outbox", 1), spare("pass", 1)},
			"keep 1, keys 1, events 1, outbox 1, pass 1"},
		{[][]Question{rows("keys", 1), rows("events", 2), rows("outbox", 1), rows("inflight", 1), rows("more", 1)},
			"keys 4, events 4, outbox 4, inflight 4, more 4"},
	} {
		var order []string
		sizes := map[string]int{}
		for _, q := range fill(slices.Concat(c.questions...)) {
			name, rest, _ := strings.Cut(q.Query, " ")
			if sizes[name] == 0 {
				order = append(order, name)
			}
			sizes[name] += 1 + strings.Count(rest, "), (")
		}
		for i, name := range order {
			order[i] = fmt.Sprint(name, " ", sizes[name])
		}
		if got := strings.Join(order, ", "); got != c.want {
			t.Errorf("sent %s\nwant %s", got, c.want)
		}
	}
}

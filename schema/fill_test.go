package schema

import (
	"fmt"
	"math/rand/v2"
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
	for _, q := range fill([]Question{other, some(7), some(8), other, some(9), other, other}) {
		got = append(got, q.Query[:1], q.Args)
	}
	const want = `[S [] D [7 x] D [8 x] D [0 ] D [0 ] S [] D [9 x] D [0 ] D [0 ] D [0 ] S [] S []]`
	if got := fmt.Sprint(got); got != want {
		t.Errorf("equal statements are filled up to\n%s\nwant\n%s", got, want)
	}
}

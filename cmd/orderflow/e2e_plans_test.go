package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"orderflow/schema/schematest"
)

// TestE2E_Plans counts the plans that SQL Server has to keep for a node: one for each statement's text and the
// declaration of its parameters. Neither may depend on the lengths of what customers send, nor on how many
// appends happen to share a transaction. It is counted where statements leave the program.
func TestE2E_Plans(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, db string) {
		if isServer(db) {
			testPlans(t, db)
		}
	})
}

func testPlans(t *testing.T, db string) {
	const (
		orders, callers = 1008, 16
		most            = 150
	)
	proxy, db := schematest.NewProxy(t, db)
	p := start(t, db, "--step-duration", "50ms", "--step-failure-rate", "0.05")
	api := p.api()
	proxy.Forget()
	before := proxy.Attentions()
	var wg sync.WaitGroup
	for caller := range callers {
		wg.Go(func() {
			for i := range orders / callers {
				tracking := fmt.Sprintf("%d-%d-%s", caller, i, strings.Repeat("t", rand.IntN(100)))
				if _, err := api.placeOne(tracking, fmt.Sprintf("%q", strings.Repeat("d", rand.IntN(6000)))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	p.untilEnded(orders)
	if n := proxy.Attentions() - before; n > orders/100 { // a few are questions that were given up, with their contexts
		t.Errorf("%d answers were broken off", n)
	}
	plans := proxy.Statements()
	texts := map[string]int{}
	for s := range plans {
		texts[s.Text]++
	}
	t.Logf("%d orders need %d plans of %d texts", orders, len(plans), len(texts))
	if len(plans) <= most {
		return
	}
	t.Errorf("want %d at most", most)
	for text, declarations := range texts {
		t.Logf("%d times declared otherwise: %.200s", declarations, strings.Join(strings.Fields(text), " "))
	}
}

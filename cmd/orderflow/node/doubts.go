package node

import (
	"context"
	"errors"
	"fmt"

	"orderflow/eventstore/check"
	"orderflow/projections/verify"
)

// sayDoubts logs faults that keep no node from working: wrong counts, and new orders whose keys are not
// reserved. It looks once, and ends with ctx.
func (f *frame) sayDoubts(ctx context.Context) error {
	log := f.self.entry("node")
	counts, err := verify.Miscounts(ctx, f.DB)
	if err == nil {
		for _, d := range counts {
			what := fmt.Sprintf("the views count %s orders as %s, and there are %s", d.Stored, d.Field, d.Expected)
			if d.Kind == verify.KindUnreadable {
				what = fmt.Sprintf("the %s cannot be read: they are %q", d.Field, d.Stored)
			}
			log.Warnf("%s; \"orderflow projections rebuild\" mends it", what)
		}
		var keys []check.Violation
		keys, err = check.Newest(ctx, f.DB, f.Store)
		for _, v := range keys {
			log.Warnf("%s; a repeat of its request would make a second order. \"orderflow check\" looks at all", v)
		}
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		log.WithError(err).Warn("whether counts and keys agree with the log cannot be told")
	}
	<-ctx.Done()
	return nil
}

package main

import (
	"context"
	"time"

	"orderflow/projections"
)

// lateLists is how old the first event may be that lists lack, before that is said. A projector is quicker, also one that
// takes over.
const lateLists = 3 * time.Second

// behind is how many events lists lack, if the first of them is old; 0 if they are up to date. Otherwise it costs one
// short read.
func (s service) behind(ctx context.Context) (events int64, err error) {
	late, err := projections.Delay(ctx, s.db, time.Now())
	if err != nil || late <= lateLists {
		return 0, err
	}
	return projections.Lag(ctx, s.db, s.store)
}

// sayBehind says that lists are so many events behind, if they are.
func (o *output) sayBehind(events int64) {
	if events > 0 {
		o.notef("The lists are %d events behind: orders may be further than this shows. \"orderflow projections status\" says more.", events)
	}
}

package inflight

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"orderflow/domain/work"
	"orderflow/internal/crashpoint"
	"orderflow/schema"
)

// Claimer claims messages for one node and consumer group. It is for one goroutine.
type Claimer struct {
	// InTx runs a transaction, which waits briefly for rows that are locked. It is the database's, unless a test
	// puts something in between.
	InTx func(context.Context, func(*schema.Tx) error) error

	db         *schema.DB
	conf       ClaimerConfig
	statements statements // for the topics of the last round
	lookout    lookout
	heed       *heed
	strays     strays
}

// NewClaimer makes a claimer.
func NewClaimer(db *schema.DB, c ClaimerConfig) *Claimer {
	if c.AdoptEvery == 0 {
		c.AdoptEvery = adoptEvery
	}
	if c.Draining == nil {
		c.Draining = func() bool { return false }
	}
	h := &heed{rests: map[place]rest{}, most: mostTakenOver}
	inTx := func(ctx context.Context, f func(*schema.Tx) error) error { return db.InTxBrief(ctx, briefly, f) }
	return &Claimer{
		InTx: inTx, db: db, conf: c, heed: h, lookout: lookout{db: db, group: c.Group, heed: h},
		strays: strays{db: db, group: c.Group, every: c.AdoptEvery, looked: time.Now()},
	}
}

// Sources are the places where messages wait, in the order in which to claim from them. They are the
// sources in which the last claim, a moment ago, left messages. If there are none, Sources looks.
func (c *Claimer) Sources(ctx context.Context, r Round) ([]Source, error) {
	return c.lookout.sources(ctx, c.prepare(r.Topics), r.Tenure.Node)
}

// Look asks the database where messages wait. Claim checks its findings again.
func (c *Claimer) Look(ctx context.Context, r Round) ([]Source, error) {
	return c.lookout.look(ctx, c.prepare(r.Topics), r.Tenure.Node)
}

func (c *Claimer) prepare(topics []string) statements {
	if !slices.Equal(topics, c.statements.topics) {
		c.statements = makeStatements(c.db.Dialect(), topics, c.conf.Slots)
		c.lookout.left = nil // of topics that may not be served any more
	}
	return c.statements
}

// Claim stores the acknowledgements, and claims new messages from the sources in their order, as far as there is
// room and as the order of locks allows. The next round finds the rest. What it gives has been committed, also if
// there is an error. A locked row is no error: it holds up its own acknowledgement, or its own partition.
func (c *Claimer) Claim(ctx context.Context, r Round, sources []Source) (got Claimed, err error) {
	sources = slices.DeleteFunc(slices.Clone(sources), func(x Source) bool { return x.Returned })
	if r.Free <= 0 {
		sources = nil
	}
	if len(sources) > 0 {
		crashpoint.Here("claim.begin")
	}
	acks, held := c.heed.apart(r)
	if r.Acks = acks; len(sources)+len(acks) > 0 {
		got, err = c.claim(ctx, r, sources)
	}
	if errors.Is(err, schema.ErrBusy) {
		got, err = c.claimApart(ctx, r, sources)
	}
	if err == nil {
		err = c.storeApart(ctx, r, held, &got)
	}
	return got, err
}

// claim does all in one transaction.
func (c *Claimer) claim(ctx context.Context, r Round, sources []Source) (Claimed, error) {
	var t *claiming
	err := c.InTx(ctx, func(tx *schema.Tx) error {
		t = &claiming{tx: tx, conf: &c.conf, statements: c.prepare(r.Topics), round: r}
		return t.write(ctx, sources)
	})
	if err != nil {
		return Claimed{}, fmt.Errorf("store %d acknowledgements and claim up to %d messages: %w", len(r.Acks), r.Free, c.failed(err))
	}
	for _, x := range sources {
		c.heed.free(placeOf(x))
	}
	for _, a := range r.Acks {
		c.heed.free(place{row: a.Lease.Row})
	}
	claimCommitted(t.claims)
	return Claimed{Claims: t.claims, Late: t.late, Stored: r.Acks}, nil
}

// claimApart does in transactions apart what met a locked row in one: it stores the acknowledgements, and
// claims from a few partitions. A partition that is locked is left alone for a while.
func (c *Claimer) claimApart(ctx context.Context, r Round, sources []Source) (all Claimed, err error) {
	if len(r.Acks) > 0 {
		err = c.storeApart(ctx, r, [][]Ack{r.Acks}, &all)
	}
	r.Acks = nil
	for _, x := range sources[:min(len(sources), together)] {
		if r.Free <= 0 {
			break
		}
		one, oneErr := c.claim(ctx, r, []Source{x})
		switch {
		case errors.Is(oneErr, schema.ErrBusy):
			c.heed.locked(placeOf(x))
			all.Locked++
		case oneErr != nil:
			return all, errors.Join(err, oneErr)
		}
		all.Claims, r.Free = append(all.Claims, one.Claims...), r.Free-len(one.Claims)
	}
	return all, err
}

// storeApart stores acknowledgements, each part in a transaction. A part that meets a locked row is halved, until one
// is found that is held, which is left alone for a while. What is held beside it is found by the next round, so that
// a round waits for few locks.
func (c *Claimer) storeApart(ctx context.Context, r Round, parts [][]Ack, all *Claimed) error {
	for len(parts) > 0 {
		part := parts[0]
		parts, r.Acks = parts[1:], part
		one, err := c.claim(ctx, r, nil)
		switch busy := errors.Is(err, schema.ErrBusy); {
		case busy && len(part) == 1:
			c.heed.locked(place{row: part[0].Lease.Row})
			all.Held++
		case busy && all.Held == 0:
			parts = slices.Concat([][]Ack{part[:len(part)/2], part[len(part)/2:]}, parts)
		case busy: // the next round finds out
		case err != nil:
			return err
		}
		all.Stored, all.Late = append(all.Stored, one.Stored...), append(all.Late, one.Late...)
	}
	return nil
}

// Leave notes what a round claimed of free slots, so that the next one goes on where it left messages.
func (c *Claimer) Leave(sources []Source, claims []Claim, free int) {
	c.lookout.leave(sources, claims, free)
}

// failed notes that a transaction failed.
func (c *Claimer) failed(err error) error {
	if errors.Is(err, schema.ErrCommit) {
		c.strays.expect()
	}
	return err
}

// claimCommitted passes the crash points between the COMMIT of a claim and its delivery.
func claimCommitted(claims []Claim) {
	if len(claims) > 0 {
		crashpoint.Here("claim.committed")
	}
	if slices.ContainsFunc(claims, func(c Claim) bool { return c.Lease.Interruptions > 0 }) {
		crashpoint.Here("takeover.committed")
	}
}

// Adopt gives the messages of stray leases: rows of this registration that the node does not know of, since
// the answer to a COMMIT was lost. Without Adopt they would stay claimed as long as the node lives. It looks
// every second for a minute after a lost answer, and while it has found strays for which there is no room;
// otherwise every half minute.
func (c *Claimer) Adopt(ctx context.Context, tenure work.Tenure, hand Hand) ([]Claim, error) {
	now := time.Now()
	if !c.strays.due(now) {
		return nil, nil
	}
	c.strays.looked = now
	known, reserved := hand.Known() // before the query, so that what ends meanwhile is not taken for lost
	found, err := c.strays.readUnknown(ctx, tenure, known)
	if err != nil {
		return nil, err
	}
	claims := c.strays.confirm(found, reserved)
	if free := max(hand.Free(), 0); len(claims) > free {
		claims = claims[:free]
		c.strays.expect()
	}
	return claims, nil
}

// Uncertain says whether the answer to a COMMIT was lost a short while ago.
func (c *Claimer) Uncertain() bool { return time.Now().Before(c.strays.uncertain) }

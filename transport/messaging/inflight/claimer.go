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
	// InTx runs a transaction. It is the database's, unless a test puts something in between.
	InTx func(context.Context, func(*schema.Tx) error) error

	db         *schema.DB
	conf       ClaimerConfig
	statements statements // for the topics of the last round
	lookout    lookout
	strays     strays
}

// NewClaimer makes a claimer.
func NewClaimer(db *schema.DB, c ClaimerConfig) *Claimer {
	if c.AdoptEvery == 0 {
		c.AdoptEvery = adoptEvery
	}
	return &Claimer{
		InTx: db.InTx, db: db, conf: c, lookout: lookout{db: db, group: c.Group},
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
	}
	return c.statements
}

// Claim is the one writing transaction of a round. It stores the acknowledgements, and claims from the
// sources in their order, as far as there is room and as the order of locks allows. The next round finds
// the rest. late are the acknowledgements that came too late: their leases had ended.
func (c *Claimer) Claim(ctx context.Context, r Round, sources []Source) (claims []Claim, late []Ack, err error) {
	if len(sources) > 0 {
		crashpoint.Here("claim.begin")
	}
	var t *claiming
	err = c.InTx(ctx, func(tx *schema.Tx) error {
		t = &claiming{tx: tx, conf: &c.conf, statements: c.prepare(r.Topics), round: r, suspect: r.Suspect, losses: losses{}}
		return write(ctx, t, sources)
	})
	if err != nil {
		if errors.Is(err, schema.ErrCommit) {
			c.strays.expect()
		}
		return nil, nil, fmt.Errorf("store %d acknowledgements and claim up to %d messages: %w", len(r.Acks), r.Free, err)
	}
	c.conf.Losses.tell(t.losses)
	claimCommitted(t.claims)
	c.lookout.leave(sources, t.claims, r.Free)
	return t.claims, t.late, nil
}

// write stores acknowledgements and claims, with locks in the order of the package documentation.
func write(ctx context.Context, t *claiming, sources []Source) error {
	if err := t.storeAcks(ctx); err != nil {
		return fmt.Errorf("store acknowledgements: %w", err)
	}
	if err := t.claimReturned(ctx, sources); err != nil {
		return err
	}
	err := t.claimNew(ctx, sources)
	if len(t.claims) > 0 {
		crashpoint.Here("claim.moved")
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

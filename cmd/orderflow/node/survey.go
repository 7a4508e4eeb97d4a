package node

import (
	"context"
	"slices"

	"orderflow/domain"
	"orderflow/handlers/diagnosis"
	"orderflow/projections"
	"orderflow/schema"
)

// Survey diagnoses the open orders, the oldest diagnosis.MostSurveyed of them, by few questions about all of them. It
// looks at messages first and at lists after them: what an order is about is where its message is. Of the orders that
// the two leave in doubt, since lists are behind or a message is missing, it looks at the streams, up to
// mostDoubtful of them. known is what is known of the cluster, but for what waits; the survey has it with that.
func (d Diagnoses) Survey(ctx context.Context, known diagnosis.Traffic) (s diagnosis.Survey, found []diagnosis.Finding, err error) {
	v := &surveyor{Diagnoses: d}
	if err := d.DB.Look(ctx, lockPatience, func(in *schema.Look) error { return v.look(ctx, in) }); err != nil {
		return s, nil, err
	}
	known.AsOf, known.Lines = v.now, v.lines
	s.Traffic, v.traffic = &known, &known
	doubtful := v.judge()
	s.More = v.more || len(doubtful) > mostDoubtful
	err = diagnosis.AskAll(ctx, v.again, doubtful[:min(mostDoubtful, len(doubtful))], v.tell)
	s.AsOf, s.Gaps, s.Reasons = v.now, append([]diagnosis.Gap{}, v.gaps...), diagnosis.Tally(v.found)
	for _, c := range s.Reasons {
		s.Looked += c.Orders
	}
	return s, v.found, err
}

// mostDoubtful is how many streams a survey looks at.
const mostDoubtful = 1000

// surveyor is at work on a survey.
type surveyor struct {
	Diagnoses
	scene
	orders []domain.Order // the open ones, as lists have them
	more   bool
	others []domain.OrderID // that lists do not have as open or ended, and that have messages
	found  []diagnosis.Finding

	traffic *diagnosis.Traffic
}

func (v *surveyor) look(ctx context.Context, in schema.Reader) (err error) {
	if v.scene, err = v.lookRound(ctx, in); err != nil {
		return err
	}
	v.orders, v.more, err = projections.ReadOpen(ctx, in, diagnosis.MostSurveyed)
	listed := err == nil
	if err := addGap(&v.gaps, diagnosis.PartView, err); err != nil || v.more {
		return err // messages of other orders are of younger ones
	}
	return v.lookUnlisted(ctx, in, listed) // orders that have messages are known all the same
}

// lookUnlisted finds the orders that have messages and are not among the listed ones. Messages of orders that have ended
// stay until somebody claims them. That is asked only if lists can be read.
func (v *surveyor) lookUnlisted(ctx context.Context, in schema.Reader, listed bool) error {
	v.others = nil
	open := make(map[domain.OrderID]bool, len(v.orders))
	for i := range v.orders {
		open[v.orders[i].ID] = true
	}
	for id := range v.spots {
		if !open[id] {
			v.others = append(v.others, id)
		}
	}
	if !listed || len(v.others) == 0 {
		return nil
	}
	ended, err := projections.ReadEnded(ctx, in, v.others)
	v.others = slices.DeleteFunc(v.others, func(id domain.OrderID) bool { return ended[id] })
	return addGap(&v.gaps, diagnosis.PartView, err)
}

// judge diagnoses the orders of which lists and messages tell enough, and gives the others.
func (v *surveyor) judge() (doubtful []domain.OrderID) {
	for i := range v.orders {
		o := &v.orders[i]
		at := v.spots[o.ID]
		if o.Version == 0 || at == nil && !o.Parked {
			doubtful = append(doubtful, o.ID)
			continue
		}
		f := diagnosis.Facts{OrderID: o.ID, View: diagnosis.View{Version: o.Version}, Listed: &diagnosis.Listed{Order: *o}}
		v.place(&f)
		f.Traffic = v.traffic
		v.tell(diagnosis.Diagnose(f))
	}
	return append(doubtful, v.others...)
}

func (v *surveyor) tell(a diagnosis.Answer) {
	if a.Verdict != diagnosis.Ended {
		v.found = append(v.found, a.Finding())
	}
}

// again looks at the streams of some orders, and then at what is around them.
func (v *surveyor) again(ctx context.Context, ids []domain.OrderID) (all []diagnosis.Facts, err error) {
	err = v.DB.Look(ctx, lockPatience, func(in *schema.Look) error {
		all, err = v.factsOf(ctx, in, ids)
		return err
	})
	for i := range all {
		all[i].Traffic = v.traffic
	}
	return all, err
}

// factsOf is factsIn for several orders.
func (d Diagnoses) factsOf(ctx context.Context, in schema.Reader, ids []domain.OrderID) ([]diagnosis.Facts, error) {
	all, of := make([]diagnosis.Facts, len(ids)), make(map[domain.OrderID]*diagnosis.Facts, len(ids))
	for i, id := range ids {
		all[i].OrderID, of[id] = id, &all[i]
	}
	streams, err := d.Store.LookAtAll(ctx, in, ids, func(r domain.Recorded, why error) {
		if f := of[r.OrderID]; f != nil {
			undecodable(f, r, why)
		}
	})
	var gaps []diagnosis.Gap
	if err := addGap(&gaps, diagnosis.PartEvents, err); err != nil {
		return nil, err
	}
	around, err := d.lookRound(ctx, in)
	if err != nil {
		return nil, err
	}
	views, err := projections.ReadVersions(ctx, in, ids)
	if err := addGap(&gaps, diagnosis.PartView, err); err != nil {
		return nil, err
	}
	versions, err := d.Store.LookAtVersions(ctx, in, ids)
	if err := addGap(&gaps, diagnosis.PartMoment, err); err != nil {
		return nil, err
	}
	for i := range all {
		f := &all[i]
		f.Events, f.Later, f.View.Version, f.Gaps = streams[f.OrderID], versions[f.OrderID], views[f.OrderID], append(f.Gaps, gaps...)
		judge(f)
		around.place(f)
		shortOfLists(f)
	}
	return all, nil
}

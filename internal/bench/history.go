package bench

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
)

// detail is what every order of the benchmark orders.
const detail = `{"sku":"A-4711","quantity":2,"note":"leave at the door"}`

// historyNode is the node of generated histories.
const historyNode = "bench-1f09ac"

// gap is the time between two events of a generated history.
const gap = time.Millisecond

// newID is a UUID of version 7 of that time.
func newID(at time.Time) (id domain.OrderID) {
	_, _ = rand.Read(id[:]) // never fails
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(at.UnixMilli()))
	copy(id[:6], ms[2:])
	id[6], id[8] = 0x70|id[6]&0x0f, 0x80|id[8]&0x3f
	return id
}

// history is an order from its placing to its end, as a node would have recorded it, but
// for places in the log and hashes. The step failing, counted from 0, fails; with a
// negative one the order completes.
func history(id domain.OrderID, tracking string, placed time.Time, failing int) ([]domain.Recorded, error) {
	commands := []domain.Command{domain.Place{TrackingID: tracking, Detail: []byte(detail)}}
	for i, s := range domain.Steps() {
		commands = append(commands, domain.StartStep{Step: s, Attempt: 1, Node: historyNode})
		if i == failing {
			commands = append(commands, domain.FailStep{Step: s, Attempt: 1, Error: "simulated failure of " + string(s)})
			break
		}
		commands = append(commands, domain.CompleteStep{Step: s, Attempt: 1})
	}
	for i := failing; i >= 0; i-- {
		commands = append(commands, domain.RollBackStep{Step: domain.Steps()[i], Attempt: 1, Node: historyNode})
	}
	return record(id, placed, commands)
}

func record(id domain.OrderID, placed time.Time, commands []domain.Command) (all []domain.Recorded, err error) {
	var o domain.Order
	meta := domain.Metadata{Schema: 1, Actor: "customer", Node: historyNode, CorrelationID: newID(placed).String()}
	for _, c := range commands {
		events, err := o.Decide(c)
		if err != nil {
			return nil, err
		}
		cause := meta.CausationID
		for _, e := range events {
			at := placed.Add(time.Duration(len(all)) * gap)
			r := domain.Recorded{OrderID: id, Version: len(all) + 1, Type: domain.TypeOf(e), Event: e, Metadata: meta, RecordedAt: at}
			if err := encode(&r); err != nil {
				return nil, err
			}
			if _, follows := work.FollowUp(&o, e); follows {
				cause = domain.EventID(id, r.Version)
			}
			if err := o.Apply(r); err != nil {
				return nil, err
			}
			all = append(all, r)
		}
		meta.Actor, meta.Attempt, meta.CausationID = "worker", 1, cause
	}
	if !o.Status().Ended() {
		return nil, fmt.Errorf("%w: a generated history ends with the order %s", domain.ErrCorrupt, o.Status())
	}
	return all, nil
}

func encode(r *domain.Recorded) (err error) {
	stored, err := domain.Encode(1, r.Event) // every program reads it
	if err != nil {
		return err
	}
	r.Data, r.Metadata.Schema = stored.Data, stored.Schema
	r.RawMeta = domain.EncodeMetadata(r.Metadata)
	return nil
}

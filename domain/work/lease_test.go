package work

import (
	"context"
	"reflect"
	"testing"

	"orderflow/domain"
)

func aLease() Lease {
	return Lease{
		Row: Row{Group: "g", FirstTopic: "f", Partition: 3, FirstPosition: 5}, Topic: "t", Position: 11,
		Registration: Registration{Node: "n", Epoch: 3}, Attempt: 2, Interruptions: 1, From: Owner{Node: "m", Stopped: true},
	}
}

// TestLease: a lease is a plain value, of which every field counts.
func TestLease(t *testing.T) {
	if l, same := aLease(), aLease(); l != same || l.IsZero() || !(Lease{}).IsZero() {
		t.Error("leases of the same fields are not the same")
	}
	if known := map[Lease]bool{aLease(): true}; !known[aLease()] {
		t.Error("a lease is no key")
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Lease]()) {
		l := aLease()
		if reflect.ValueOf(&l).Elem().FieldByIndex(f.Index).SetZero(); l == aLease() {
			t.Errorf("leases of another %s are the same", f.Name)
		}
	}
}

func TestUnit_Outcome(t *testing.T) {
	recorded := []domain.Recorded{{Partition: 3, Position: 20}, {Partition: 3, Position: 21}}
	passed := Lease{Row: aLease().Row, Topic: "next", Position: 21, Registration: aLease().Registration, Attempt: 1}
	started := passed
	started.Row = Row{Group: "g", FirstTopic: "next", Partition: 3, FirstPosition: 21}
	for settle, want := range map[Settlement]Lease{
		SettleKeep: {}, SettleDone: {}, SettleReturn: {}, SettlePark: {}, SettleHandBack: {}, SettleRelease: {},
		SettlePass: passed, SettleStart: started,
	} {
		u := Unit{Lease: aLease(), Settle: settle, Messages: []Message{{Topic: "next", Event: 1, UUID: "u"}}}
		was := u
		o := u.Outcome(recorded)
		if !reflect.DeepEqual(u, was) || !reflect.DeepEqual(o.Events, recorded) {
			t.Errorf("settlement %d: the unit became %+v, the outcome has %+v", settle, u, o.Events)
		}
		switch {
		case (o.Next == nil) != want.IsZero():
			t.Errorf("settlement %d: next is %+v, want %+v", settle, o.Next, want)
		case o.Next != nil && (o.Next.Lease != want || o.Next.Message.UUID != "u"):
			t.Errorf("settlement %d: next is %+v, want %+v", settle, o.Next, want)
		}
	}
}

type delivered struct{ Delivery }

func TestDeliveryFrom(t *testing.T) {
	if DeliveryFrom(context.Background()) != nil {
		t.Error("a context without a delivery has one")
	}
	d := &delivered{}
	if DeliveryFrom(WithDelivery(t.Context(), d)) != d {
		t.Error("the delivery got lost in its context")
	}
}

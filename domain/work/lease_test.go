package work

import (
	"context"
	"testing"
)

func TestLease(t *testing.T) {
	if LeaseFrom(context.Background()) != nil {
		t.Error("a context without a lease has one")
	}
	l := &Lease{Node: "n"}
	if LeaseFrom(WithLease(t.Context(), l)) != l {
		t.Error("the lease got lost in its context")
	}
	if l.Settled() {
		t.Error("a new lease is settled")
	}
	if l.MarkSettled(); !l.Settled() {
		t.Error("a settled lease is not")
	}
}

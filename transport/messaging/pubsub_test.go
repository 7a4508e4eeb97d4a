package messaging_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"

	"orderflow/domain"
	"orderflow/schema"
	"orderflow/schema/schematest"
	"orderflow/transport/messaging"
)

var nodeNumber atomic.Int64

// member registers a node and gives what a subscriber needs of it.
func member(t testing.TB, db *schema.DB, ttl time.Duration) func() (domain.Tenure, bool) {
	t.Helper()
	name := fmt.Sprintf("node-%d", nodeNumber.Add(1))
	epoch, err := messaging.NewNodes(db).Register(context.Background(), domain.Node{Node: name, Slots: 1}, ttl)
	if err != nil {
		t.Fatal(err)
	}
	tenure := domain.Tenure{Node: name, Epoch: epoch, Context: context.Background()}
	return func() (domain.Tenure, bool) { return tenure, true }
}

// universal runs Watermill's suite on one database.
func universal(t *testing.T, db *schema.DB, ordered bool, slots int) {
	bell := &messaging.Bell{}
	group := func(t *testing.T, name string) (message.Publisher, message.Subscriber) {
		sub, err := messaging.NewSubscriber(db, messaging.Config{
			Group: name, Slots: slots, Ordered: ordered, Bell: bell, NackDelay: -1, CloseWait: 100 * time.Millisecond,
			Tenure: member(t, db, time.Hour),
		})
		if err != nil {
			t.Fatal(err)
		}
		return messaging.NewPublisher(db, bell, watermill.NopLogger{}), sub
	}
	tests.TestPubSub(t, tests.Features{
		ConsumerGroups: true, GuaranteedOrder: ordered, Persistent: true, ForceShort: ordered || testing.Short(),
	}, func(t *testing.T) (message.Publisher, message.Subscriber) { return group(t, "test") }, group)
}

// TestPubSub is Watermill's universal suite, in the parallel and in the ordered mode.
func TestPubSub(t *testing.T) {
	for name, mode := range map[string]struct {
		ordered bool
		slots   int
	}{"parallel": {false, 20}, "ordered": {true, 1}} {
		t.Run(name, func(t *testing.T) {
			t.Run("sqlite", func(t *testing.T) { universal(t, schematest.SQLite(t), mode.ordered, mode.slots) })
			t.Run("sqlserver", func(t *testing.T) {
				schematest.NeedSQLServer(t)
				universal(t, schematest.SQLServer(t), mode.ordered, mode.slots)
			})
		})
	}
}

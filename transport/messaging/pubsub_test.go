package messaging_test

import (
	"os"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"

	"orderflow/schema"
	"orderflow/schema/schematest"
	"orderflow/transport/messaging"
)

// universal runs Watermill's suite on one database.
func universal(t *testing.T, db *schema.DB, ordered bool, slots int, short bool) {
	bell := &messaging.Bell{}
	group := func(t *testing.T, name string) (message.Publisher, message.Subscriber) {
		sub, err := messaging.NewSubscriber(db, messaging.Config{
			Group: name, Slots: slots, Ordered: ordered, Bell: bell, NackDelay: -1, CloseWait: 100 * time.Millisecond,
			Tenure: join(t, db).tenure,
		})
		if err != nil {
			t.Fatal(err)
		}
		return messaging.NewPublisher(db, bell, watermill.NopLogger{}), sub
	}
	tests.TestPubSub(t, tests.Features{
		ConsumerGroups: true, GuaranteedOrder: ordered, Persistent: true, ForceShort: short || testing.Short(),
	}, func(t *testing.T) (message.Publisher, message.Subscriber) { return group(t, "test") }, group)
}

// TestPubSub is Watermill's universal suite, in the parallel and in the ordered mode. In
// full, the ordered mode claims 10,000 messages one by one, which takes minutes with the
// race detector: make test-all does that, and make test runs its short form.
func TestPubSub(t *testing.T) {
	for name, mode := range map[string]struct {
		ordered bool
		slots   int
	}{"parallel": {false, 20}, "ordered": {true, 1}} {
		t.Run(name, func(t *testing.T) {
			t.Run("sqlite", func(t *testing.T) {
				universal(t, schematest.SQLite(t), mode.ordered, mode.slots, mode.ordered && os.Getenv("ORDERFLOW_TEST_LONG") == "")
			})
			t.Run("sqlserver", func(t *testing.T) {
				schematest.NeedSQLServer(t)
				// In full, the ordered mode would claim 5,000 messages one by one, in several
				// transactions each, which proves nothing more over a network.
				universal(t, schematest.SQLServer(t), mode.ordered, mode.slots, mode.ordered)
			})
		})
	}
}

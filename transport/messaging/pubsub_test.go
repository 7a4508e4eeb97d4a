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
func universal(t *testing.T, db *schema.DB, ordered bool, slots int, full bool) {
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
		ConsumerGroups: true, GuaranteedOrder: ordered, Persistent: true, ForceShort: !full || testing.Short(),
	}, func(t *testing.T) (message.Publisher, message.Subscriber) { return group(t, "test") }, group)
}

// TestPubSub is Watermill's universal suite, in the parallel and in the ordered mode. Its
// full form takes minutes of computing with the race detector, and the ordered mode's,
// which claims 10,000 messages one by one, long enough without it: make test runs the
// short form under the race detector, make test-all the full one too, without. Over a
// network the ordered mode's full form proves nothing more.
func TestPubSub(t *testing.T) {
	long := os.Getenv("ORDERFLOW_TEST_LONG") != ""
	for name, mode := range map[string]struct {
		ordered bool
		slots   int
		full    bool
	}{
		"parallel": {slots: 20, full: !raceDetector},
		"ordered":  {ordered: true, slots: 1, full: long && !raceDetector},
	} {
		t.Run(name, func(t *testing.T) {
			t.Run("sqlite", func(t *testing.T) {
				universal(t, schematest.SQLite(t), mode.ordered, mode.slots, mode.full)
			})
			t.Run("sqlserver", func(t *testing.T) {
				schematest.NeedSQLServer(t)
				universal(t, schematest.SQLServer(t), mode.ordered, mode.slots, mode.full && !mode.ordered)
			})
		})
	}
}

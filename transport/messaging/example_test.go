package messaging_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/domain/work"
	"orderflow/schema"
	"orderflow/transport/messaging"
	"orderflow/transport/messaging/inflight"
)

// A subscriber claims messages for the slots of one registered node. Each is handed out with its lease, under
// which a handler appends what came of it.
func ExampleSubscriber() {
	ctx := context.Background()
	db, remove := exampleDatabase(ctx)

	node := work.Node{Node: "n1", Slots: 2}
	epoch, err := inflight.NewNodes(db).Register(ctx, node, time.Hour)
	ok(err)
	tenure := work.Tenure{Registration: work.Registration{Node: node.Node, Epoch: epoch}, Context: ctx}
	bell := &messaging.Bell{} // rung by who publishes in the same process
	subscriber, err := messaging.NewSubscriber(db, messaging.Config{
		Slots: node.Slots, Bell: bell, Tenure: func() (work.Tenure, bool) { return tenure, true },
	})
	ok(err)
	messages, err := subscriber.Subscribe(ctx, "letters")
	ok(err)

	publisher := messaging.NewPublisher(db, bell, watermill.NopLogger{})
	ok(publisher.Publish("letters", message.NewMessage("1", []byte("hello"))))
	m := <-messages
	lease := work.DeliveryFrom(m.Context()).Lease()
	fmt.Printf("%s is held by %s, attempt %d\n", m.Payload, lease.Node, lease.Attempt)
	m.Nack() // not done: it is claimed again
	m = <-messages
	fmt.Printf("%s again, attempt %d\n", m.Payload, work.DeliveryFrom(m.Context()).Lease().Attempt)
	m.Ack()
	fmt.Println("closed:", subscriber.Close())
	remove()
	// Output:
	// hello is held by n1, attempt 1
	// hello again, attempt 2
	// closed: <nil>
}

// exampleDatabase gives a database in a file of its own, and what removes it.
func exampleDatabase(ctx context.Context) (*schema.DB, func()) {
	folder, err := os.MkdirTemp("", "orderflow-example-")
	ok(err)
	db, err := schema.Open(ctx, filepath.Join(folder, "orders.db"))
	ok(err)
	_, err = db.Migrate(ctx)
	ok(err)
	return db, func() { _ = errors.Join(db.Close(), os.RemoveAll(folder)) }
}

// ok ends an example that does not run.
func ok(err error) {
	if err != nil {
		panic(err)
	}
}

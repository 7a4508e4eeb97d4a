package schematest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"orderflow/schema"
)

// Hold has a stranger change so many rows by a statement, and hold them locked in a transaction that stays open until
// release is called, or the test ends. Then it is rolled back. The stranger has a connection of its own, as another
// process would.
func Hold(t testing.TB, db *schema.DB, rows int64, query string, args ...any) (release func()) {
	t.Helper()
	stranger, over := Again(t, db), errors.New("over")
	held, let, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- stranger.InTx(context.Background(), func(tx *schema.Tx) error {
			res, err := tx.ExecContext(context.Background(), query, args...)
			if err != nil {
				return err
			}
			if n, err := res.RowsAffected(); n != rows || err != nil {
				return errors.Join(fmt.Errorf("the stranger holds %d rows, want %d", n, rows), err)
			}
			close(held)
			<-let
			return over
		})
	}()
	select {
	case <-held:
	case err := <-ended:
		t.Fatal(err)
	}
	release = sync.OnceFunc(func() {
		close(let)
		if err := <-ended; !errors.Is(err, over) {
			t.Errorf("the stranger: %v", err)
		}
	})
	t.Cleanup(release)
	return release
}

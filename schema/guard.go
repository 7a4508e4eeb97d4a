package schema

import "fmt"

// guard remembers that the database may have rolled back the transaction of a connection
// under those who use it, and refuses further statements until the next one begins: each of
// them would be a transaction of its own. It belongs to a pool of one connection; a nil guard
// guards nothing.
type guard struct {
	broken error
}

// note remembers an error that may have ended the transaction, and returns it.
func (g *guard) note(err error) error {
	if g != nil && g.broken == nil && err != nil && endsTransaction(err) {
		g.broken = err
	}
	return err
}

func (g *guard) refuse() error {
	if g == nil || g.broken == nil {
		return nil
	}
	return fmt.Errorf("after an error that ended the transaction: %w", g.broken)
}

func (g *guard) reset() {
	if g != nil {
		g.broken = nil
	}
}

//go:build !chaos

package node

import "orderflow/handlers"

// watched is the executor as it is; with the build tag chaos its calls are recorded.
func watched(e handlers.Executor) (handlers.Executor, error) { return e, nil }

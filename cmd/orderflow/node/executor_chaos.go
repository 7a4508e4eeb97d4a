//go:build chaos

package node

import (
	"orderflow/handlers"
	"orderflow/internal/chaos/recorder"
)

func watched(e handlers.Executor) (handlers.Executor, error) { return recorder.Watched(e) }

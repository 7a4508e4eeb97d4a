package main

import "github.com/ThreeDotsLabs/watermill"

// quiet is a logger whose information is for debugging: Watermill's router tells of
// every handler that it adds, starts and stops.
type quiet struct{ watermill.LoggerAdapter }

// Info logs at debug level.
func (q quiet) Info(msg string, fields watermill.LogFields) { q.Debug(msg, fields) }

// With gives a logger that is as quiet.
func (q quiet) With(fields watermill.LogFields) watermill.LoggerAdapter {
	return quiet{q.LoggerAdapter.With(fields)}
}

package messaging

import (
	"github.com/ThreeDotsLabs/watermill"
	"github.com/sirupsen/logrus"
)

// LogrusAdapter is Watermill's logger on logrus. Watermill's trace level is logrus's.
type LogrusAdapter struct {
	entry *logrus.Entry
}

var _ watermill.LoggerAdapter = LogrusAdapter{}

// NewLogrusAdapter logs to entry.
func NewLogrusAdapter(entry *logrus.Entry) LogrusAdapter { return LogrusAdapter{entry: entry} }

func (a LogrusAdapter) with(fields watermill.LogFields) *logrus.Entry {
	return a.entry.WithFields(logrus.Fields(fields))
}

// Error logs at error level with the error as a field.
func (a LogrusAdapter) Error(msg string, err error, fields watermill.LogFields) {
	a.with(fields).WithError(err).Error(msg)
}

// Info logs at info level.
func (a LogrusAdapter) Info(msg string, fields watermill.LogFields) { a.with(fields).Info(msg) }

// Debug logs at debug level.
func (a LogrusAdapter) Debug(msg string, fields watermill.LogFields) { a.with(fields).Debug(msg) }

// Trace logs at trace level.
func (a LogrusAdapter) Trace(msg string, fields watermill.LogFields) { a.with(fields).Trace(msg) }

// With gives a logger that adds fields to every entry.
func (a LogrusAdapter) With(fields watermill.LogFields) watermill.LoggerAdapter {
	return LogrusAdapter{entry: a.with(fields)}
}

package messaging

import (
	"errors"

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

// log asks for the level first: Watermill traces every message, and the fields of a line
// that nobody reads cost more than the line.
func (a LogrusAdapter) log(level logrus.Level, msg string, fields watermill.LogFields) {
	if a.entry.Logger.IsLevelEnabled(level) {
		a.with(fields).Log(level, msg)
	}
}

// Error logs at error level with the error as a field, and with the fields of an error that has a
// method LogFields.
func (a LogrusAdapter) Error(msg string, err error, fields watermill.LogFields) {
	entry := a.with(fields)
	var about interface{ LogFields() map[string]any }
	if errors.As(err, &about) {
		entry = entry.WithFields(about.LogFields())
	}
	entry.WithError(err).Error(msg)
}

// Info logs at info level.
func (a LogrusAdapter) Info(msg string, fields watermill.LogFields) {
	a.log(logrus.InfoLevel, msg, fields)
}

// Debug logs at debug level.
func (a LogrusAdapter) Debug(msg string, fields watermill.LogFields) {
	a.log(logrus.DebugLevel, msg, fields)
}

// Trace logs at trace level.
func (a LogrusAdapter) Trace(msg string, fields watermill.LogFields) {
	a.log(logrus.TraceLevel, msg, fields)
}

// With gives a logger that adds fields to every entry.
func (a LogrusAdapter) With(fields watermill.LogFields) watermill.LoggerAdapter {
	return LogrusAdapter{entry: a.with(fields)}
}

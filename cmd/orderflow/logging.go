package main

import (
	"fmt"
	"io"
	"time"

	"github.com/sirupsen/logrus"

	"orderflow/domain/stored"
)

// newLog makes the node's log on w, which says the same trouble now and then (see sparing). level and format are valid (kong has checked them).
func newLog(w io.Writer, level, format string) (*logrus.Logger, error) {
	parsed, err := logrus.ParseLevel(level)
	if err != nil {
		return nil, fmt.Errorf("--log-level: %w", err)
	}
	log := logrus.New()
	log.SetOutput(w)
	log.SetLevel(parsed)
	var lines logrus.Formatter = readable{&logrus.TextFormatter{TimestampFormat: stored.TimeLayout, FullTimestamp: true}}
	if format == "json" {
		lines = &logrus.JSONFormatter{TimestampFormat: stored.TimeLayout, DisableHTMLEscape: true}
	}
	log.SetFormatter(&sparing{Formatter: utc{lines}, said: map[string]*repeats{}})
	return log, nil
}

// endLog writes what the log has yet to say.
func endLog(log *logrus.Logger) {
	if s, spares := log.Formatter.(*sparing); spares {
		s.tellAll(log)
	}
}

// readable has messages made visible; logrus quotes the fields, and messages only where it does not
// color them.
type readable struct{ logrus.Formatter }

// Format is logrus.Formatter.
func (f readable) Format(e *logrus.Entry) ([]byte, error) {
	e.Message = visible(e.Message)
	return f.Formatter.Format(e)
}

// utc has entries written with the time in UTC, as all times of the system are.
type utc struct{ logrus.Formatter }

// Format is logrus.Formatter.
func (f utc) Format(e *logrus.Entry) ([]byte, error) {
	e.Time = e.Time.In(time.UTC)
	return f.Formatter.Format(e)
}

package main

import (
	"fmt"
	"io"
	"time"

	"github.com/sirupsen/logrus"
)

// newLog makes the node's log on w. level and format are valid (kong has checked them).
func newLog(w io.Writer, level, format string) (*logrus.Logger, error) {
	parsed, err := logrus.ParseLevel(level)
	if err != nil {
		return nil, fmt.Errorf("--log-level: %w", err)
	}
	log := logrus.New()
	log.SetOutput(w)
	log.SetLevel(parsed)
	const layout = "2006-01-02T15:04:05.000000Z07:00"
	if format == "json" {
		log.SetFormatter(utc{&logrus.JSONFormatter{TimestampFormat: layout, DisableHTMLEscape: true}})
	} else {
		log.SetFormatter(utc{&logrus.TextFormatter{TimestampFormat: layout, FullTimestamp: true}})
	}
	return log, nil
}

// utc has entries written with the time in UTC, as all times of the system are.
type utc struct{ logrus.Formatter }

// Format is logrus.Formatter.
func (f utc) Format(e *logrus.Entry) ([]byte, error) {
	e.Time = e.Time.In(time.UTC)
	return f.Formatter.Format(e)
}

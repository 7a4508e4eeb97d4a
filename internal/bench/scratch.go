package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"orderflow/eventstore"
	"orderflow/schema"
)

// scratch makes databases, and removes them in the end. None that it did not make is
// touched.
type scratch struct {
	folder string   // of SQLite files
	server *url.URL // on which databases are made; nil for SQLite
	made   []string // names of databases on the server
	count  int
}

func newScratch(ctx context.Context, server, dir string) (*scratch, error) {
	s := &scratch{}
	if server != "" {
		d, err := schema.ParseDSN(server)
		if err != nil {
			return nil, err
		}
		q := d.URL.Query()
		q.Set("max_connections", strconv.Itoa(d.MaxConns)) // which is not for the driver
		d.URL.RawQuery = q.Encode()
		s.server = d.URL
	}
	// The floor's file, if it is one, and whatever else is written, is on the same file
	// system.
	folder, err := os.MkdirTemp(dir, "orderflow-bench-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the databases: %w", err)
	}
	s.folder = folder
	return s, ctx.Err()
}

// database makes an empty database and gives its DSN.
func (s *scratch) database(ctx context.Context) (dsn string, err error) {
	s.count++
	if s.server == nil {
		return filepath.Join(s.folder, fmt.Sprintf("%d.db", s.count)), nil
	}
	name := fmt.Sprintf("orderflow_bench_%s", rand.Text()[:12])
	if err := s.onServer(ctx, "CREATE DATABASE "+name); err != nil {
		return "", fmt.Errorf("make a database (the login needs the right to): %w", err)
	}
	s.made = append(s.made, name)
	return s.dsnOf(name), nil
}

// with makes a database for do, and gives its size on disk once it is closed.
func (s *scratch) with(ctx context.Context, do func(*schema.DB) error) (bytes int64, err error) {
	dsn, err := s.database(ctx)
	if err != nil {
		return 0, err
	}
	db, err := schema.Open(ctx, dsn)
	if err != nil {
		return 0, err
	}
	err = errors.Join(do(db), db.Close())
	bytes = s.size(dsn)
	return bytes, errors.Join(err, s.discard(dsn))
}

// dsnOf is the DSN of a database on the server.
func (s *scratch) dsnOf(name string) string {
	u := *s.server
	q := u.Query()
	q.Set("database", name)
	u.RawQuery = q.Encode()
	return u.String()
}

// discard removes a SQLite file that is not needed any more; databases on a server go in
// the end.
func (s *scratch) discard(dsn string) error {
	if s.server != nil {
		return nil
	}
	var errs []error
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(dsn + suffix); !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// remove removes everything.
func (s *scratch) remove() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	errs := []error{os.RemoveAll(s.folder)}
	for _, name := range s.made {
		if err := s.onServer(ctx, "DROP DATABASE "+name); err != nil {
			errs = append(errs, fmt.Errorf("drop the database %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

func (s *scratch) onServer(ctx context.Context, statement string) (err error) {
	db, err := schema.Open(ctx, s.server.String())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	_, err = db.ExecUrgent(ctx, statement)
	return err
}

// size is how many bytes a SQLite database has on disk, its log included; 0 for others.
func (s *scratch) size(dsn string) (total int64) {
	if s.server != nil {
		return 0
	}
	for _, suffix := range []string{"", "-wal"} {
		if info, err := os.Stat(dsn + suffix); err == nil {
			total += info.Size()
		}
	}
	return total
}

// openLog opens a database to read its log.
func openLog(ctx context.Context, dsn string) (*schema.DB, *eventstore.Store, error) {
	db, err := schema.Open(ctx, dsn)
	if err != nil {
		return nil, nil, err
	}
	store, err := eventstore.Open(ctx, db, eventstore.Config{})
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return db, store, nil
}

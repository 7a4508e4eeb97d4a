package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"

	"orderflow/internal/chaos/harness"
	"orderflow/internal/chaos/judge"
)

// freshDatabase makes a database for the run on the SQL Server of its DSN, whose login must
// have the right to, and has the run use it: the judge takes every order in a database for
// one of the run. drop drops it.
func freshDatabase(ctx context.Context, conf *harness.Config) (drop func() error, err error) {
	u, err := url.Parse(conf.DSN)
	if err != nil {
		return nil, errors.New("the DSN is not a URL") // its text would have the password
	}
	name := "orderflow_chaos_" + rand.Text()[:12]
	server := conf.DSN
	if err := onServer(ctx, server, "CREATE DATABASE "+name); err != nil {
		return nil, fmt.Errorf("make a database for the run: %w", err)
	}
	q := u.Query()
	q.Set("database", name)
	u.RawQuery = q.Encode()
	conf.DSN = u.String()
	return func() error {
		if err := onServer(context.WithoutCancel(ctx), server, "DROP DATABASE "+name); err != nil {
			return fmt.Errorf("drop the database %s: %w", name, err)
		}
		return nil
	}, nil
}

// onTheServer names the database that is part of the evidence.
func onTheServer(conf harness.Config) string {
	u, err := url.Parse(conf.DSN)
	if err != nil || u.Scheme != "sqlserver" {
		return ""
	}
	return ", and the database " + u.Query().Get("database")
}

func onServer(ctx context.Context, dsn, statement string) error {
	db, err := judge.Connect(dsn)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, statement)
	return errors.Join(err, db.Close())
}

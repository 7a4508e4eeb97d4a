package inflight

import (
	"context"
	"database/sql"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"orderflow/domain"
	"orderflow/schema"
)

// The bounds of a list of dead letters, and of what it may be asked.
const (
	MaxLetters    = 1_000 // of a page
	maxReasonPart = 200   // bytes
	maxName       = 450   // bytes, of a node or customer
	maxChoices    = 20    // topics, and nodes
)

// LetterFilter says which dead letters are meant. A zero field lets all through; several fields must all hold. Of a
// field with several values one must hold.
type LetterFilter struct {
	Topics       []string
	Nodes        []string // one had the latest attempt of the letter's order, as lists have it
	Customer     string   // who placed the letter's order
	Reason       string   // is a part of the letter's reason, as it is written
	ParkedAfter  time.Time
	ParkedBefore time.Time
}

// LetterPage is a part of a list of dead letters, the latest in front.
type LetterPage struct {
	Letters []DeadLetter
	Next    string // the cursor of the next page; empty after the last one
}

// Validate gives an error of kind domain.ErrInvalid if nothing can be asked for so.
func (f LetterFilter) Validate() error {
	switch {
	case len(f.Topics) > maxChoices || len(f.Nodes) > maxChoices:
		return fmt.Errorf("%w: more than %d topics or nodes", domain.ErrInvalid, maxChoices)
	case len(f.Reason) > maxReasonPart || !utf8.ValidString(f.Reason):
		return fmt.Errorf("%w: a part of the reason has at most %d bytes of UTF-8", domain.ErrInvalid, maxReasonPart)
	}
	for _, topic := range f.Topics {
		if err := ValidTopic(topic); err != nil {
			return err
		}
	}
	for _, name := range append([]string{f.Customer}, f.Nodes...) {
		if len(name) > maxName || !utf8.ValidString(name) {
			return fmt.Errorf("%w: %.100q is no name of a node or customer", domain.ErrInvalid, name)
		}
	}
	for _, t := range []time.Time{f.ParkedAfter, f.ParkedBefore} {
		if year := t.UTC().Year(); year < 1 || year > 9998 {
			return fmt.Errorf("%w: the year %d is out of range", domain.ErrInvalid, year)
		}
	}
	return nil
}

// Page gives a page of dead letters, the latest in front, after a cursor, which is empty for the first page. Errors
// of kind domain.ErrInvalid say what is wrong with filter, cursor or limit.
func (d *DeadLetters) Page(ctx context.Context, f LetterFilter, cursor string, limit int) (p LetterPage, err error) {
	if err := f.Validate(); err != nil {
		return p, err
	}
	if limit < 1 || limit > MaxLetters {
		return p, fmt.Errorf("%w: limit is %d, 1 to %d are allowed", domain.ErrInvalid, limit, MaxLetters)
	}
	s := f.search(d.db.Dialect())
	if cursor != "" {
		at, key, err := parseLetterCursor(cursor)
		if err != nil {
			return p, err
		}
		s.after(at, key)
	}
	text := s.where() + ` ORDER BY parked_at DESC, consumer_group DESC, topic DESC, partition DESC, position DESC ` +
		d.db.Dialect().Limit(s.param(limit+1)) // one more says whether there is a next page
	if p.Letters, err = d.query(ctx, text, s.args...); err != nil {
		return p, fmt.Errorf("list dead letters: %w", err)
	}
	if len(p.Letters) > limit {
		p.Letters = p.Letters[:limit]
		p.Next = letterCursor(p.Letters[limit-1])
	}
	return p, nil
}

// Count counts the dead letters that the filter lets through, up to a number.
func (d *DeadLetters) Count(ctx context.Context, f LetterFilter, most int) (n int, err error) {
	if err := f.Validate(); err != nil {
		return 0, err
	}
	s := f.search(d.db.Dialect())
	limit := d.db.Dialect().Limit(s.param(most))
	err = d.db.Read(ctx, func(rows *sql.Rows) error {
		if !rows.Next() {
			return rows.Err()
		}
		return rows.Scan(&n)
	}, `SELECT COUNT(*) FROM (SELECT parked_at FROM dead_letters`+s.where()+` ORDER BY parked_at `+limit+`) AS counted`, s.args...)
	if err != nil {
		return 0, fmt.Errorf("count dead letters: %w", err)
	}
	return n, nil
}

// letterSearch is a filter as SQL.
type letterSearch struct {
	conditions []string
	args       []any // of the conditions, by their placeholders
}

// param adds an argument and gives its placeholder.
func (s *letterSearch) param(arg any) string {
	s.args = append(s.args, arg)
	return "?" + strconv.Itoa(len(s.args))
}

func (s *letterSearch) add(condition string) { s.conditions = append(s.conditions, condition) }

// anyOf adds that a column has one of the values, if there are any.
func (s *letterSearch) anyOf(column string, values []string) {
	if len(values) == 0 {
		return
	}
	places := make([]string, len(values))
	for i, v := range values {
		places[i] = s.param(v)
	}
	s.add(column + ` IN (` + strings.Join(places, ", ") + `)`)
}

// after adds that letters come later in the list than one.
func (s *letterSearch) after(parked time.Time, k LetterKey) {
	at, group, topic := s.param(schema.TimeArg(parked)), s.param(k.Group), s.param(k.Topic)
	partition, position := s.param(k.Partition), s.param(k.Position)
	s.add(`parked_at <= ` + at + ` AND (parked_at < ` + at + ` OR consumer_group < ` + group + ` OR consumer_group = ` + group + ` AND (topic < ` + topic +
		` OR topic = ` + topic + ` AND (partition < ` + partition + ` OR partition = ` + partition + ` AND position < ` + position + `)))`)
}

func (s *letterSearch) where() string {
	if len(s.conditions) == 0 {
		return ""
	}
	return ` WHERE ` + strings.Join(s.conditions, ` AND `)
}

func (f LetterFilter) search(d schema.Dialect) *letterSearch {
	s := &letterSearch{}
	s.anyOf("topic", f.Topics)
	if !f.ParkedAfter.IsZero() {
		s.add(`parked_at > ` + s.param(schema.TimeArg(f.ParkedAfter)))
	}
	if !f.ParkedBefore.IsZero() {
		s.add(`parked_at < ` + s.param(schema.TimeArg(f.ParkedBefore.Add(time.Microsecond-1)))) // times are kept by the microsecond
	}
	if f.Reason != "" {
		s.add(hasPart(d, "reason", s.param(f.Reason)))
	}
	f.ofOrder(s)
	return s
}

// ofOrder adds conditions on the view of the letter's order. Its message has the position of an event of the order.
func (f LetterFilter) ofOrder(s *letterSearch) {
	if len(f.Nodes) == 0 && f.Customer == "" {
		return
	}
	of := &letterSearch{args: s.args, conditions: []string{`e.partition = dead_letters.partition`, `e.position = dead_letters.position`}}
	of.anyOf("o.node", f.Nodes)
	if f.Customer != "" {
		of.anyOf("o.customer", []string{f.Customer})
	}
	s.args = of.args
	s.add(`EXISTS (SELECT 1 FROM events e JOIN orders o ON o.order_id = e.stream_id` + of.where() + `)`)
}

// hasPart is the condition that a text column has the text of a placeholder in it, exactly.
func hasPart(d schema.Dialect, column, part string) string {
	if d.Name() == "sqlserver" {
		return `CHARINDEX(` + part + `, ` + column + ` COLLATE Latin1_General_BIN2) > 0`
	}
	return `instr(` + column + `, ` + part + `) > 0`
}

// letterCursor is the place of a letter in the list.
func letterCursor(l DeadLetter) string {
	return base64.RawURLEncoding.EncodeToString([]byte(schema.TimeArg(l.ParkedAt) + "|" + l.String()))
}

func parseLetterCursor(text string) (at time.Time, k LetterKey, err error) {
	plain, err := base64.RawURLEncoding.Strict().DecodeString(text)
	when, key, _ := strings.Cut(string(plain), "|")
	at, good := schema.ParseTime(when)
	if err == nil && good {
		k, err = ParseLetterKey(key)
	}
	if err != nil || !good || at.Year() < 1 {
		return at, k, fmt.Errorf("%w: the cursor is not one that a page of this list gave", domain.ErrInvalid)
	}
	return at, k, nil
}

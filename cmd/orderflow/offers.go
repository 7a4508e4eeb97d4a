package main

import (
	"net/url"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"

	"orderflow/schema"
)

// offers makes commands that are offered work as they are pasted, in whatever folder: it is what they need to
// work on the database that this command was given, such as " --dsn /srv/shop.db"; empty if they need nothing.
type offers string

// offersOf is for a command that was parsed. A DSN of the environment, or none, counts for what is pasted too. One with a
// password is not shown.
func offersOf(command *kong.Context) offers {
	for _, p := range command.Path {
		if p.Flag == nil || p.Flag.Name != "dsn" || p.Resolved {
			continue
		}
		if text, is := command.FlagValue(p.Flag).(string); is {
			return offersFor(text)
		}
	}
	return ""
}

func offersFor(text string) offers {
	dsn, err := schema.ParseDSN(text)
	switch {
	case err != nil:
		return ""
	case dsn.URL != nil && secret(dsn.URL):
		return ""
	case dsn.URL == nil:
		if text, err = filepath.Abs(dsn.Path); err != nil {
			return ""
		}
		if again, err := schema.ParseDSN(text); err != nil || again.Path != text {
			text = "sqlite:" + text
		}
	}
	return offers(" --dsn " + shellQuoted(text))
}

// secret says whether an address has a password.
func secret(u *url.URL) bool {
	if _, has := u.User.Password(); has {
		return true
	}
	for key := range u.Query() {
		if key = strings.ToLower(key); strings.Contains(key, "password") || strings.Contains(key, "pwd") || strings.Contains(key, "secret") {
			return true
		}
	}
	return false
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// shellQuoted is a text as one word of a shell.
func shellQuoted(text string) string {
	if plainWord.MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// command is a command that is offered.
func (o offers) command(text string) string { return text + string(o) }

// quotedCommand is how texts for people name commands.
var quotedCommand = regexp.MustCompile(`"orderflow [a-z][^"]*"`)

// text is a text for people with the commands that it names between quotes.
func (o offers) text(text string) string {
	if o == "" {
		return text
	}
	return quotedCommand.ReplaceAllStringFunc(text, func(c string) string { return `"` + o.command(strings.Trim(c, `"`)) + `"` })
}

// error is an error whose text offers commands.
func (o offers) error(err error) error {
	if err == nil || o == "" {
		return err
	}
	return &offeringError{err, o}
}

type offeringError struct {
	error
	offers offers
}

func (e *offeringError) Error() string { return e.offers.text(e.error.Error()) }
func (e *offeringError) Unwrap() error { return e.error }

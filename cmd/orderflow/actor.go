package main

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strings"

	"orderflow/domain"
	"orderflow/handlers/operate"
)

// byFlags say who does something, and why.
type byFlags struct {
	Reason string `required:"" placeholder:"TEXT" help:"Why; it is kept with what was done, in the log of operations or in the order's history."`
	Actor  string `placeholder:"NAME" help:"Who decided; it is kept with the reason, beside the user who runs this. Default: that user."`
}

// by is who does it.
func (f *byFlags) by() operate.By {
	return operate.By{Actor: actor(f.Actor), Reason: f.Reason, About: map[string]string{operate.AboutRunBy: runBy()}}
}

// Validate refuses a reason that says nothing, or is too long, by the name of its flag.
func (f *byFlags) Validate() error {
	err := f.by().Check()
	var field *domain.FieldError
	switch {
	case !errors.As(err, &field):
		return err
	case strings.TrimSpace(f.Reason) == "":
		return errors.New("--reason is empty: say why, for those who read what was done")
	}
	return fmt.Errorf("--%s has %s: give %s", field.Field, field.Got, field.Expected)
}

// actor is an operator by name, the user who runs this if none is given.
func actor(name string) string {
	if u, err := user.Current(); name == "" && err == nil {
		name = u.Username
	}
	if name == "" {
		return "operator"
	}
	return "operator:" + name
}

// runBy is the user who runs this, as the operating system knows the process.
func runBy() string {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	return fmt.Sprintf("%s (uid %d)", name, os.Getuid())
}

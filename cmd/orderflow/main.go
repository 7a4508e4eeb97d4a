package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/alecthomas/kong"

	"orderflow/domain"
)

func main() { os.Exit(execute(os.Args[1:], os.Stdout, os.Stderr)) }

// execute is main without the process around it.
func execute(args []string, stdout, stderr io.Writer) int {
	var commands cli
	parser := kong.Must(&commands,
		kong.Name("orderflow"), kong.Description(description), kong.Writers(stdout, stderr),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}),
		kong.Vars{"version": version})
	switch {
	case len(args) == 0:
		return help(parser, stderr)
	case args[0] == "help":
		args = append(slices.Clone(args[1:]), "--help")
	}
	command, err := parser.Parse(args)
	if err == nil {
		err = noneTwice(command)
	}
	if err != nil {
		return misused(stderr, args, err)
	}
	out := &output{w: shown(stdout), notes: stderr, warnings: strangeVariables(parser.Model, os.Environ()), offers: offersOf(command)}
	if command.Selected().Name != "serve" { // which has a log
		out.warn()
	}
	stop := func() {}
	defer func() { stop() }()
	// Only commands that ask for a context have signals end it; serve handles them itself.
	err = command.BindSingletonProvider(func() (ctx context.Context, _ error) {
		ctx, stop = signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		context.AfterFunc(ctx, stop) // the second signal ends the process
		return ctx, nil
	})
	if err == nil {
		err = out.offers.error(command.Run(out))
	}
	return code(stderr, args, err)
}

// noneTwice refuses a flag that is given twice and takes one value: the first would be
// forgotten. Of serve the last one counts, so that who starts a node can override what a script gives.
func noneTwice(command *kong.Context) error {
	if command.Selected().Name == "serve" {
		return nil
	}
	given := map[*kong.Flag]bool{}
	for _, p := range command.Path {
		if p.Flag == nil || p.Resolved || p.Flag.IsCumulative() {
			continue
		}
		if given[p.Flag] {
			return fmt.Errorf("--%s is given more than once", p.Flag.Name)
		}
		given[p.Flag] = true
	}
	return nil
}

// help is the answer to no command at all.
func help(parser *kong.Kong, stderr io.Writer) int {
	parser.Stdout, parser.Exit = stderr, func(int) {}
	_, _ = parser.Parse([]string{"--help"}) // prints it; that there is no command is no news
	return exitUsage
}

// misused tells of arguments that could not be understood.
func misused(stderr io.Writer, args []string, err error) int {
	hint := "orderflow --help"
	var parse *kong.ParseError
	if errors.As(err, &parse) && parse.Context.Selected() != nil {
		hint = "orderflow " + parse.Context.Selected().Path() + " --help"
	}
	complain(stderr, args, err, fmt.Sprintf("Run %q for help.", hint))
	return exitUsage
}

// code prints err, if there is one, and gives the exit code.
func code(stderr io.Writer, args []string, err error) int {
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errFound):
		return exitFailed
	}
	complain(stderr, args, err, "")
	if errors.Is(err, domain.ErrInvalid) {
		return exitUsage
	}
	return exitFailed
}

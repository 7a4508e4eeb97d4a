package main

const description = `Orders run through Scheduling, Pre-Processing, Processing and Post-Processing on any number of nodes that share
one database.

Start with "orderflow serve": it runs the whole system on one machine, with an embedded database in
orderflow.db. Flags can be given in the environment too (ORDERFLOW_DSN, ORDERFLOW_LISTEN, ...). "orderflow help COMMAND"
is "orderflow COMMAND --help".`

// cli lists the commands.
type cli struct {
	Version versionFlag `name:"version" help:"Print the version of this program."`

	Serve       serveCmd       `cmd:"" help:"Run a node: the API, the workers and the projector, or some of them."`
	Migrate     migrateCmd     `cmd:"" help:"Bring the database's schema up to date."`
	Orders      ordersCmd      `cmd:"" help:"Place orders and look at them."`
	Status      statusCmd      `cmd:"" help:"Show the cluster: nodes, queues, what happened, how long it took, and what is wrong."`
	Nodes       nodesCmd       `cmd:"" help:"Look at the nodes of the cluster, and drain, cordon or stop them."`
	Steps       stepsCmd       `cmd:"" help:"Look at the steps, and pause or resume them."`
	Alarms      alarmsCmd      `cmd:"" help:"Look at what the watchdog found wrong, and say that it has been seen."`
	Operations  operationsCmd  `cmd:"" help:"Look at what operators did."`
	Deadletters deadlettersCmd `cmd:"" help:"Look at the messages that were given up, and decide on them."`
	Jobs        jobsCmd        `cmd:"" help:"Look at what is done to many things at once, and stop it."`
	Offsets     offsetsCmd     `cmd:"" help:"Look at how far the workers have taken the messages, and mend that after the end of the log was lost."`
	Projections projectionsCmd `cmd:"" help:"Look after the views that customers see."`
	Check       checkCmd       `cmd:"" help:"Prove from the event store alone that every order was dealt with by the rules."`
	Backup      backupCmd      `cmd:"" help:"Copy the database to a file, while nodes work."`
	Restore     restoreCmd     `cmd:"" help:"Put a backup in the place of a database that no node works on."`
	Bench       benchCmd       `cmd:"" help:"Measure the system on this machine, and the floor that the database sets."`
	Healthcheck healthcheckCmd `cmd:"" help:"Ask the node on this machine whether it is ready."`
	Completion  completionCmd  `cmd:"" help:"Print a script that completes commands and flags in a shell."`
	About       versionCmd     `cmd:"" name:"version" help:"Print the version of this program."`
}

package main

// jsonFlag is the flag of every command that prints results.
type jsonFlag struct {
	JSON bool `name:"json" help:"Print JSON instead of a table."`
}

// print prints v as JSON if that is asked for, and otherwise as people read it.
func (f jsonFlag) print(out *output, v any, otherwise func() error) error {
	if f.JSON {
		return out.json(v)
	}
	return otherwise()
}

// table is print with rows under a header.
func (f jsonFlag) table(out *output, v any, header string, rows [][]any) error {
	return f.print(out, v, func() error { return out.table(header, rows) })
}

// dataFlags are the flags of every command that prints what is in a database.
type dataFlags struct {
	databaseFlag
	jsonFlag
}

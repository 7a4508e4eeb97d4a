package schema

import (
	"fmt"
	"strings"
)

// Deviation is a table, an index or a trigger that is not what the migrations made.
type Deviation struct {
	Kind  string `json:"kind"`  // one of the Kind constants
	Name  string `json:"name"`  // of the object; of an index on SQL Server its columns
	Table string `json:"table"` // that it is on
	What  string `json:"what"`  // one of the Is constants
}

// The kinds of object that are compared.
const (
	KindTable   = "table"
	KindIndex   = "index"
	KindTrigger = "trigger"
)

// What may be wrong with an object.
const (
	IsMissing  = "missing"
	IsAltered  = "altered"
	IsDisabled = "disabled"
	IsAdded    = "added" // by somebody else than the migrations; said of triggers only
)

func (d Deviation) String() string {
	if d.Kind == KindTable {
		return fmt.Sprintf("table %s is %s", d.Name, d.What)
	}
	return fmt.Sprintf("%s %s of table %s is %s", d.Kind, d.Name, d.Table, d.What)
}

// object names what is compared.
type object struct{ kind, name, table string }

func (o object) deviation(what string) Deviation {
	return Deviation{Kind: o.kind, Name: o.name, Table: o.table, What: what}
}

// compareObjects compares the objects of a schema with the ones that should be there, by their texts.
func compareObjects(should, is map[object]string) (found []Deviation) {
	for o, text := range should {
		switch actual, there := is[o]; {
		case !there:
			found = append(found, o.deviation(IsMissing))
		case actual != text:
			found = append(found, o.deviation(IsAltered))
		}
	}
	for o := range is {
		if _, expected := should[o]; !expected && o.kind == KindTrigger {
			found = append(found, o.deviation(IsAdded))
		}
	}
	return found
}

// oneLine is a statement with all white space alike.
func oneLine(statement string) string {
	return strings.TrimSuffix(strings.Join(strings.Fields(statement), " "), ";")
}

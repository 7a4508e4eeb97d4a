package main

import (
	"strings"

	"github.com/alecthomas/kong"

	"orderflow/cmd/orderflow/node"
	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/handlers/diagnosis"
	"orderflow/handlers/operate"
)

// choices are the values that an argument or a flag of a command can have; none if that is open. The empty value is left
// out.
func choices(path string, v *kong.Value) []string {
	switch {
	case v.IsBool(): // such as that of "orderflow migrate --status"
		return nil
	case v.Enum != "":
		return strings.FieldsFunc(v.Enum, func(r rune) bool { return r == ',' })
	case v.Name == "status":
		return textsOf(domain.Statuses())
	case v.Name == "step":
		return textsOf(domain.Steps())
	case v.Name == "topic":
		return work.Topics()
	case v.Name == "roles":
		return node.Roles()
	case v.Name == "level" && path == "orderflow nodes loglevel":
		return operate.LogLevels()
	case v.Name == "state" && path == "orderflow jobs show":
		return []string{work.ItemWaiting, work.ItemDone, work.ItemSkipped, work.ItemFailed}
	case v.Name == "reason" && path == "orderflow orders list":
		return textsOf(diagnosis.Reasons())
	}
	return nil
}

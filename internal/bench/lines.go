package bench

import (
	"slices"
	"strings"
)

// Lines are the curves of scale in some reports: a line for each database, that of the
// first report first. Of several points with as many nodes, the first counts.
func Lines(reports ...Report) (all []Line) {
	for _, r := range reports {
		name, _, _ := strings.Cut(r.Machine.Database, " - ") // what follows is the build of the server
		for _, s := range r.Sections {
			i := slices.IndexFunc(all, func(l Line) bool { return l.Name == name })
			if i < 0 && len(s.Points) > 0 {
				i, all = len(all), append(all, Line{Name: name})
			}
			for _, p := range s.Points {
				if !slices.ContainsFunc(all[i].Points, func(o Point) bool { return o.Nodes == p.Nodes }) {
					all[i].Points = append(all[i].Points, p)
				}
			}
		}
	}
	for _, l := range all {
		slices.SortFunc(l.Points, func(a, b Point) int { return a.Nodes - b.Nodes })
	}
	return all
}

package console

import (
	"embed"
	"html/template"
	"io/fs"
	"strings"
)

//go:embed *.html
var pageFiles embed.FS

// parts are the files that every page has.
var parts = []string{"layout.html", "icons.html"}

// templates are the pages, by the names of their files.
var templates = parse()

func parse() map[string]*template.Template {
	shared := template.Must(template.New("shared").Funcs(functions).Option("missingkey=error").ParseFS(pageFiles, parts...))
	files, err := fs.Glob(pageFiles, "*.html")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	pages := map[string]*template.Template{}
	for _, file := range files {
		pages[file] = template.Must(template.Must(shared.Clone()).ParseFS(pageFiles, file))
	}
	return pages
}

// functions are what templates may call.
var functions = template.FuncMap{
	"brief": brief, "clock": clock, "stamp": stamp, "iso": iso, "upTo": upTo, "share": share, "mark": markOf, "per": per, "join": strings.Join, "count": number, "tail": tail,
	"cut": cut, "day": day, "instant": instant, "sentence": sentence,
}

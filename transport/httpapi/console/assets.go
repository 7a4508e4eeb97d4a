package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
)

//go:embed *.css
var styleFiles embed.FS

//go:embed icon.svg
var icon []byte

const (
	stylePath = Home + "/console.css"
	iconPath  = Home + "/icon.svg"
)

// style is the one style sheet, and styleAddress where pages have it: it changes with the content.
var (
	style        = readStyle()
	styleAddress = stylePath + "?v=" + version(style)
)

func readStyle() []byte {
	files, err := fs.Glob(styleFiles, "*.css")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	var all bytes.Buffer
	for _, file := range files {
		text, err := styleFiles.ReadFile(file)
		if err != nil {
			panic(err) // it is part of the program
		}
		all.Write(text)
	}
	return all.Bytes()
}

func version(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:6])
}

func serveStyle(r *http.Request) (Page, error) {
	return Page{Type: "text/css; charset=utf-8", Body: style, Kept: r.URL.RequestURI() == styleAddress}, nil
}

func serveIcon(*http.Request) (Page, error) { return Page{Type: "image/svg+xml", Body: icon}, nil }

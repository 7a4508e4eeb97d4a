package httpapi

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"

	"orderflow/transport/httpapi/console"
)

// consoleHeaders go with every answer below the console's path. The policy forbids inline script and style, what comes
// from elsewhere, and to be shown inside the page of another site.
var consoleHeaders = http.Header{
	"Content-Security-Policy":      {"default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"},
	"Cross-Origin-Opener-Policy":   {"same-origin"},
	"Cross-Origin-Resource-Policy": {"same-origin"},
	"Referrer-Policy":              {"same-origin"},
	"X-Frame-Options":              {"DENY"},
}

// consoleRoutes are the pages of the console. What is asked for with a method that a path does not have, or at a path
// that there is not, is answered by newHandler.
func consoleRoutes(pages []console.Route, roles []Role, timeout time.Duration) (routes []route) {
	at := map[string]int{}
	for _, p := range pages {
		i, known := at[p.Path]
		if !known {
			i = len(routes)
			at[p.Path], routes = i, append(routes, route{p.Path, map[string]endpoint{}})
		}
		e := endpoint{roles: roles, timeout: timeout, serve: func(w http.ResponseWriter, r *http.Request) error {
			page, err := p.Serve(r)
			if errors.Is(err, console.ErrNoPage) {
				return pathNotFound(r)
			}
			if err != nil {
				return err
			}
			writePage(w, r, http.StatusOK, page)
			return nil
		}}
		if p.Open {
			e.roles = nil
		}
		routes[i].methods[p.Method] = e
	}
	return routes
}

// writePage sends a page with the headers of the console, compressed for those who take that.
func writePage(w http.ResponseWriter, r *http.Request, status int, p console.Page) {
	h := w.Header()
	maps.Copy(h, consoleHeaders)
	h.Set("Vary", "Accept-Encoding, Accept")
	if p.Kept {
		h.Set("Cache-Control", "max-age=31536000, immutable")
	}
	if p.SaveAs != "" {
		h.Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", p.SaveAs))
	}
	body := p.Body
	if names(r, "Accept-Encoding", "gzip") {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write(body) // a buffer takes all
		_ = z.Close()
		h.Set("Content-Encoding", "gzip")
		body = b.Bytes()
	}
	write(w, p.Type, status, body)
}

// wantsPage says whether a browser asks for a page of the console.
func wantsPage(r *http.Request) bool {
	below := r.URL.Path == console.Home || strings.HasPrefix(r.URL.Path, console.Home+"/")
	return below && names(r, "Accept", "text/html")
}

// names says whether a header that lists what a client takes names something, whatever it says of how gladly.
func names(r *http.Request, header, what string) bool {
	for one := range strings.SplitSeq(strings.Join(r.Header.Values(header), ","), ",") {
		name, quality, _ := strings.Cut(one, ";")
		if strings.EqualFold(strings.TrimSpace(name), what) && strings.ReplaceAll(quality, " ", "") != "q=0" {
			return true
		}
	}
	return false
}

// failPage answers with a problem as a page.
func failPage(w http.ResponseWriter, r *http.Request, p *problem) {
	page, err := console.Fail(r, console.Failure{
		Status: p.kind.status, Title: p.kind.title, Detail: p.detail, CorrelationID: exchangeOf(r.Context()).correlationID,
	})
	if err != nil {
		page = console.Page{Type: "text/plain; charset=utf-8", Body: []byte(p.detail)}
	}
	writePage(w, r, p.kind.status, page)
}

// orConsole sends browsers to the console, and has everybody else answered as before.
func orConsole(e endpoint) endpoint {
	serve := e.serve
	e.serve = func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Vary", "Accept")
		if !names(r, "Accept", "text/html") {
			return serve(w, r)
		}
		w.Header().Set("Location", console.Home)
		write(w, "text/plain; charset=utf-8", http.StatusSeeOther, []byte("the console is at "+console.Home+"\n"))
		return nil
	}
	return e
}

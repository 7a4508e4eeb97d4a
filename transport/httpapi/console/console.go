package console

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"orderflow/handlers/diagnosis"
	"orderflow/internal/shared"
	"orderflow/projections/cluster"
)

// Cluster gives the cluster in one answer. However many ask, it costs the database no more.
type Cluster interface {
	Read(ctx context.Context) (cluster.Answer, error)
}

// Surveys says why all open orders are as they are.
type Surveys interface {
	Latest(ctx context.Context) (diagnosis.Survey, error)
}

// Config says what the pages show.
type Config struct {
	Cluster Cluster
	Surveys Surveys
	Orders  Orders
	// History and Diagnoses are for the page of an order.
	History   History
	Diagnoses Diagnoser
}

const (
	// atMostEvery is the time between two questions of one kind, however many viewers there are.
	atMostEvery = time.Second
	// askTimeout bounds one question.
	askTimeout = 5 * time.Second
)

// Console makes the pages. It is safe for concurrent use.
type Console struct {
	conf   Config
	survey shared.Question[diagnosis.Survey]
}

// New makes a console.
func New(c Config) *Console {
	return &Console{conf: c, survey: shared.Question[diagnosis.Survey]{
		Every: atMostEvery, Timeout: askTimeout,
		Ask: func(ctx context.Context) (diagnosis.Survey, error) { return c.Surveys.Latest(ctx) },
	}}
}

// Page is one answer: a page, a table, a style sheet.
type Page struct {
	Type string // its media type
	Body []byte
	// Kept says that a browser may keep it: what is at its address never changes.
	Kept bool
	// SaveAs is the name of the file that a browser should make of it; empty if it should show it.
	SaveAs string
}

// Route is one path, with gorilla/mux's variables, and what it answers.
type Route struct {
	Path   string
	Method string
	// Open says that it holds nothing about the system, and may be had by everybody.
	Open  bool
	Serve func(*http.Request) (Page, error)
}

// Home is the path of the first page.
const Home = "/ui"

// Routes are what the console serves.
func (c *Console) Routes() []Route {
	return append([]Route{
		{Path: Home, Method: http.MethodGet, Serve: c.overview},
		{Path: Home + "/overview/{table:[a-z]+}.{form:csv|json}", Method: http.MethodGet, Serve: c.overviewTable},
		{Path: stylePath, Method: http.MethodGet, Open: true, Serve: serveStyle},
		{Path: iconPath, Method: http.MethodGet, Open: true, Serve: serveIcon},
	}, c.orderRoutes()...)
}

// Head is what the frame of a page says.
type Head struct {
	Title string
	// Here is the path of the entry of the navigation that the page belongs to.
	Here string
	// AsOf is when what it shows was true; zero if it shows nothing of the system.
	AsOf time.Time
	// OwnClock says that AsOf is by the clock of this process, and not by the database's.
	OwnClock bool
}

// frame is what the layout shows.
type frame struct {
	Head
	Self  string // the address of the page
	Style string
	Icon  string
	Data  any
}

// page makes a page of a template file and its data.
func page(r *http.Request, file string, h Head, data any) (Page, error) {
	var b bytes.Buffer
	err := templates[file].ExecuteTemplate(&b, "layout", frame{Head: h, Self: r.URL.RequestURI(), Style: styleAddress, Icon: iconPath, Data: data})
	return Page{Type: "text/html; charset=utf-8", Body: b.Bytes()}, err
}

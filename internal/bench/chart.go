package bench

import (
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// Line is one line of a chart of scale: the points of one database.
type Line struct {
	Name   string
	Points []Point // nodes rising
}

// The chart's measures, in pixels.
const (
	chartWidth, chartHeight       = 760, 480
	left, right, top, bottom      = 70, 40, 60, 60
	plotWidth                     = chartWidth - left - right
	plotHeight                    = chartHeight - top - bottom
	inset                         = 50 // of the first and the last point, which have texts too
	legendX, legendY, legendApart = left + 16, top + 18, 20
)

// chartStyle is readable on light and on dark pages.
const chartStyle = `
  svg { color-scheme: light dark; --page: #ffffff; --text: #1f2328; --grid: #d8dee4; --ideal: #6e7781; --line0: #0969da; --line1: #bc4c00; --line2: #8250df }
  @media (prefers-color-scheme: dark) { svg { --page: #0d1117; --text: #e6edf3; --grid: #30363d; --ideal: #8b949e; --line0: #58a6ff; --line1: #f0883e; --line2: #bc8cff } }
  text { font: 13px system-ui, sans-serif; fill: var(--text) }
  .title { font-size: 16px; font-weight: 600 }
  .page { fill: var(--page) }
  .grid { stroke: var(--grid) }
  .ideal { stroke: var(--ideal); fill: none; stroke-dasharray: 6 5; stroke-width: 1.5 }
  .line0 { stroke: var(--line0); fill: none; stroke-width: 2 } .dot0, .share0 { fill: var(--line0) }
  .line1 { stroke: var(--line1); fill: none; stroke-width: 2 } .dot1, .share1 { fill: var(--line1) }
  .line2 { stroke: var(--line2); fill: none; stroke-width: 2 } .dot2, .share2 { fill: var(--line2) }
`

// chartLines is how many lines a chart has colors for.
const chartLines = 3

// WriteChart draws throughput by nodes, beside the ideal, as an SVG. Both axes double at
// each mark, so that the ideal is straight. Lines without points are left out, and those
// beyond the third.
func WriteChart(w io.Writer, title string, lines []Line) error {
	c := newChart(lines)
	c.printf(`<svg xmlns="http://www.w3.org/2000/svg" width="%[1]d" height="%[2]d" viewBox="0 0 %[1]d %[2]d" role="img" aria-label="%[3]s">`, chartWidth, chartHeight, escape(title))
	c.printf(`<style>%s</style>`, chartStyle)
	c.printf(`<rect class="page" width="%d" height="%d"/>`, chartWidth, chartHeight)
	c.text("title", left, 30, "start", title)
	c.axes()
	if len(c.lines) > 0 {
		c.ideal()
	}
	for i := range c.lines {
		c.line(i)
	}
	c.printf(`</svg>`)
	_, err := io.WriteString(w, c.b.String())
	return err
}

// chart is one being drawn.
type chart struct {
	b           strings.Builder
	lines       []Line
	nodes       []int   // marks of the axis of nodes
	low, high   float64 // ends of the axis of orders a second
	first, last float64 // ends of the axis of nodes
}

// newChart finds the axes that hold all points and the ideal.
func newChart(lines []Line) *chart {
	c := &chart{low: math.Inf(1), high: math.Inf(-1), first: math.Inf(1), last: 1}
	for _, l := range lines {
		if len(l.Points) == 0 || len(c.lines) == chartLines {
			continue
		}
		c.lines = append(c.lines, l)
		for _, p := range l.Points {
			c.first, c.last = min(c.first, float64(p.Nodes)), max(c.last, float64(p.Nodes))
			c.low, c.high = min(c.low, p.done(), p.ideal()), max(c.high, p.done(), p.ideal())
		}
	}
	if len(c.lines) == 0 {
		c.low, c.high, c.first = 1, 2, 1
	}
	c.last = max(c.last, 2*c.first)
	for n := int(c.first); n <= int(c.last); n *= 2 {
		c.nodes = append(c.nodes, n)
	}
	c.low, c.high = powerOfTwo(c.low, math.Floor), powerOfTwo(c.high, math.Ceil)
	return c
}

// done is how many orders a second a point came to, and a hundredth of the ideal where
// that is less: the axes have no zero.
func (p Point) done() float64 {
	least := p.ideal() / 100
	if f := p.figure(ordersDone); f != nil {
		return max(f.Value, least)
	}
	return least
}

func powerOfTwo(v float64, round func(float64) float64) float64 {
	return math.Exp2(round(math.Log2(v)))
}

func (c *chart) x(nodes float64) float64 {
	return left + inset + (plotWidth-2*inset)*math.Log2(nodes/c.first)/math.Log2(c.last/c.first)
}

func (c *chart) y(orders float64) float64 {
	return top + plotHeight*(1-math.Log2(orders/c.low)/math.Log2(c.high/c.low))
}

func (c *chart) axes() {
	for _, n := range c.nodes {
		x := c.x(float64(n))
		c.printf(`<line class="grid" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/>`, x, top, x, top+plotHeight)
		c.text("", x, top+plotHeight+20, "middle", strconv.Itoa(n))
	}
	for v := c.low; v <= c.high; v *= 2 {
		y := c.y(v)
		c.printf(`<line class="grid" x1="%d" y1="%.1f" x2="%d" y2="%.1f"/>`, left, y, left+plotWidth, y)
		c.text("", left-8, y+4, "end", fmt.Sprintf("%g", v))
	}
	c.text("", left+plotWidth/2, chartHeight-16, "middle", "nodes")
	c.printf(`<text transform="translate(18 %d) rotate(-90)" text-anchor="middle">orders/s</text>`, top+plotHeight/2)
}

// ideal is that of the first line.
func (c *chart) ideal() {
	p := c.lines[0].Points[0]
	var at []string
	for _, n := range []float64{c.first, c.last} {
		p.Nodes = int(n)
		at = append(at, fmt.Sprintf("%.1f,%.1f", c.x(n), c.y(min(p.ideal(), c.high))))
	}
	c.printf(`<polyline class="ideal" points="%s"/>`, strings.Join(at, " "))
	c.legend(0, "ideal", fmt.Sprintf("ideal: %d workers a node, steps of %s", p.Workers, p.StepDuration))
}

// line draws a line with the share of the ideal at each point: above those of the first
// line, below those of the others.
func (c *chart) line(i int) {
	var at []string
	for _, p := range c.lines[i].Points {
		at = append(at, fmt.Sprintf("%.1f,%.1f", c.x(float64(p.Nodes)), c.y(p.done())))
	}
	c.printf(`<polyline class="line%d" points="%s"/>`, i, strings.Join(at, " "))
	for _, p := range c.lines[i].Points {
		x, y := c.x(float64(p.Nodes)), c.y(p.done())
		c.printf(`<circle class="dot%d" cx="%.1f" cy="%.1f" r="4"/>`, i, x, y)
		anchor, lower := "end", -10.0
		if i > 0 {
			anchor, lower = "start", 4+14*float64(i)
		}
		c.text(fmt.Sprintf("share%d", i), x, y+lower, anchor, fmt.Sprintf("%.1f %%", 100*p.done()/p.ideal()))
	}
	c.legend(i+1, fmt.Sprintf("line%d", i), c.lines[i].Name)
}

func (c *chart) legend(row int, class, text string) {
	y := legendY + legendApart*row
	c.printf(`<line class="%s" x1="%d" y1="%d" x2="%d" y2="%d"/>`, class, legendX, y, legendX+28, y)
	c.text("", legendX+36, float64(y+4), "start", text)
}

func (c *chart) text(class string, x, y float64, anchor, text string) {
	if class != "" {
		class = ` class="` + class + `"`
	}
	c.printf(`<text%s x="%.1f" y="%.1f" text-anchor="%s">%s</text>`, class, x, y, anchor, escape(text))
}

func (c *chart) printf(format string, args ...any) { fmt.Fprintf(&c.b, format+"\n", args...) }

func escape(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a builder takes all
	return b.String()
}

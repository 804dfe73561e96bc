package explore

import (
	"cmp"
	"fmt"
	"html"
	"slices"
	"strings"
	"unicode/utf8"
)

// Mermaid is the history as a sequence diagram in Mermaid's notation.
func (f *Failure) Mermaid() string {
	var b strings.Builder
	b.WriteString("sequenceDiagram\n")
	for i, name := range f.names {
		fmt.Fprintf(&b, "    participant p%d as %s\n", i, cmp.Or(escape(name), " "))
	}
	b.WriteString("    participant ZooKeeper\n")
	for _, l := range f.History {
		who, text := fmt.Sprint("p", slices.Index(f.names, l.Who)), mermaidText(l) // a name may be no word of Mermaid's
		switch {
		case l.Who == "":
			fmt.Fprintf(&b, "    Note over ZooKeeper: %s\n", text)
		case l.Kind == Ran && l.Result != "":
			fmt.Fprintf(&b, "    %s->>ZooKeeper: %s\n    ZooKeeper-->>%s: %s\n", who, text, who, escape(l.Result))
		case l.Kind == Told:
			fmt.Fprintf(&b, "    ZooKeeper-)%s: %s\n", who, text)
		case l.Kind == WentWrong:
			fmt.Fprintf(&b, "    %s--xZooKeeper: %s\n", who, text)
		default:
			fmt.Fprintf(&b, "    Note over %s: %s\n", who, text)
		}
	}
	return b.String()
}

func mermaidText(l Line) string {
	if l.Number == 0 {
		return escape(l.Text)
	}
	return fmt.Sprintf("%d %s", l.Number, escape(l.Text))
}

// escape is a text as Mermaid takes it.
func escape(s string) string {
	return strings.NewReplacer(";", "#59;", "#", "#35;").Replace(oneLine(s))
}

// The measures of the drawing, in pixels.
const (
	laneWidth  = 340
	lineHeight = 44
	headHeight = 60
	margin     = 90

	letterWidth = 8
)

// HTML is the failure as one page that needs nothing else: what failed, the
// history as a sequence diagram, and how to run it again.
func (f *Failure) HTML(title string) string {
	lanes := slices.Concat([]string{"ZooKeeper"}, f.names)
	x := func(name string) int { return margin + max(slices.Index(lanes, name), 0)*laneWidth }
	height, width := headHeight+(len(f.History)+1)*lineHeight, margin*2+laneWidth*(len(lanes)-1)
	for _, l := range f.History {
		width = max(width, x(l.Who)+letterWidth*(4+max(utf8.RuneCountInString(l.Text), utf8.RuneCountInString(l.Result))))
	}
	again := "-explore.replay=" + f.Schedule()
	if f.Twin != nil {
		again = "-explore.thorough"
	}
	var b strings.Builder
	fmt.Fprintf(&b, page, html.EscapeString(title), html.EscapeString(title), html.EscapeString(f.Error()), again, width, height)
	for _, name := range lanes {
		fmt.Fprintf(&b, "<text class=name x=%d y=24>%s</text><line class=lane x1=%d y1=34 x2=%d y2=%d />\n",
			x(name), html.EscapeString(name), x(name), x(name), height)
	}
	for i, l := range f.History {
		f.draw(&b, l, x(""), x(l.Who), headHeight+i*lineHeight)
	}
	b.WriteString("</svg></body></html>\n")
	return strings.ToValidUTF8(b.String(), "\uFFFD")
}

// draw draws one line of the history between the server's lane and its own.
func (f *Failure) draw(b *strings.Builder, l Line, server, own, y int) {
	text, class := html.EscapeString(l.Text), "note"
	if l.Number > 0 {
		text = fmt.Sprintf("%d %s", l.Number, text)
	}
	arrow := func(from, to int, class string) {
		fmt.Fprintf(b, "<line class=%s x1=%d y1=%d x2=%d y2=%d marker-end='url(#a)' />\n", class, from, y, to, y)
	}
	switch {
	case l.Kind == Ran && l.Result != "":
		class = "call"
		arrow(own, server, "call")
		fmt.Fprintf(b, "<text class=result x=%d y=%d>%s</text>\n", own+8, y+14, html.EscapeString(l.Result))
	case l.Kind == Told:
		class = "told"
		arrow(server, own, "told")
	case l.Kind == WentWrong:
		class = "wrong"
		fmt.Fprintf(b, "<circle class=wrong cx=%d cy=%d r=6 />\n", own, y)
	default:
		fmt.Fprintf(b, "<circle class=note cx=%d cy=%d r=4 />\n", own, y)
	}
	fmt.Fprintf(b, "<text class=%s x=%d y=%d>%s</text>\n", class, own+8, y-4, text)
}

const page = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>%s</title><style>
body { font: 14px system-ui, sans-serif; margin: 2em; color: #222; background: #fff }
svg text { font: 12px ui-monospace, monospace; fill: #222 }
svg text.name { font-weight: bold; text-anchor: middle; font-size: 14px }
svg text.result, svg text.told { fill: #06c } svg text.wrong { fill: #c00 } svg text.note { fill: #666 }
.lane { stroke: #bbb } .call { stroke: #222 } .told { stroke: #06c; stroke-dasharray: 4 3 }
circle.wrong { fill: #c00 } circle.note { fill: #999 } code { background: #eee; padding: 2px 4px }
</style></head><body><h1>%s</h1><p><strong>%s</strong></p><p>Run it again with <code>%s</code></p>
<svg width="%d" height="%d" xmlns="http://www.w3.org/2000/svg"><defs><marker id="a" viewBox="0 0 8 8" refX="8" refY="4"
 markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0L8 4L0 8z" /></marker></defs>
`

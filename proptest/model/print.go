package model

import (
	"fmt"
	"strings"

	"github.com/zksim/zksim/zkapi"
)

// entry is something that a history has done. It is put into words only if the
// history is printed, which costs more than running it.
type entry struct {
	format  string // of what is neither of the two below
	args    []any
	client  *client
	request request // with what the server has answered
	got     outcome
	watcher *watcher // with the event that it got
	event   zkapi.Event
}

func (e *entry) String() string {
	switch {
	case e.client == nil:
		return fmt.Sprintf(e.format, e.args...)
	case e.watcher != nil:
		return fmt.Sprintf("c%d's watch %d: %v %s", e.client.number, e.watcher.number, e.event.Type, e.event.Path)
	}
	text := fmt.Sprintf("c%d %s -> %s", e.client.number, e.request.text(), e.result())
	if w := e.got.watcher; w != nil {
		text += fmt.Sprintf(" (watch %d)", w.number)
	}
	return text
}

func (e *entry) result() string {
	o, got := &e.request, &e.got
	switch {
	case got.err != nil || got.code != 0 && got.results == nil:
	case o.op == opExists && !got.found:
		return "none"
	case got.results != nil:
		parts := make([]string, len(got.results))
		for i, r := range got.results {
			parts[i] = strings.TrimSpace(zkapi.CodeOf(r.Err).Name() + " " + r.Path)
		}
		return strings.Join(parts, ", ")
	case got.path != "":
		return got.path
	case o.op == opGet:
		return printData(got.data)
	case got.names != nil:
		return fmt.Sprintf("%q", sorted(got.names))
	case got.acl != nil:
		return printACL(got.acl)
	case o.op == opAllChildrenNumber:
		return fmt.Sprint(got.total)
	}
	return got.String()
}

// String is the error of an outcome.
func (o outcome) String() string {
	if o.err != nil {
		return o.err.Error()
	}
	return o.code.Name()
}

// printed is the history as a numbered list, the events indented.
func (m *machine) printed() string {
	var b strings.Builder
	n := 0
	for i := range m.log {
		if e := &m.log[i]; e.watcher != nil {
			fmt.Fprintf(&b, "        %s\n", e)
		} else {
			n++
			fmt.Fprintf(&b, "%3d. %s\n", n, e)
		}
	}
	return m.short(b.String())
}

// short takes the node in which the history lives off the paths in a text.
func (m *machine) short(text string) string {
	if m.prefix == "" {
		return text
	}
	return strings.ReplaceAll(strings.ReplaceAll(text, m.prefix+"/", "/"), m.prefix, "/")
}

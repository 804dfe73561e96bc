package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// How zksim ctl shows to people what the HTTP side answers. Names of nodes come
// from clients, so all that is printed goes through oneLine.

func printLine(w io.Writer, parts ...string) error {
	_, err := fmt.Fprintln(w, oneLine(strings.Join(parts, " ")))
	return err
}

// printPairs prints a flat object on a line, in the order of its keys.
func printPairs(w io.Writer, text []byte) error {
	var pairs map[string]string
	if err := json.Unmarshal(text, &pairs); err != nil {
		return err
	}
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(pairs)) {
		parts = append(parts, key+"="+pairs[key])
	}
	return printLine(w, parts...)
}

func printState(w io.Writer, text []byte) error {
	var s struct {
		Clients, Zxid string
		Now           time.Time
		Nodes         int
		Members       []struct {
			ID, Behind          int
			Clients, Role, Zxid string
		}
		Sessions []struct {
			ID            string
			TimeoutMS     int64 `json:"timeout_ms"`
			Connected     bool
			Member, Local int
			Ephemerals    []string
		}
		Watches []struct {
			Path, Session string
			Child         bool
			Modes         []string
		}
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	_ = printLine(w, "server", s.Clients, "now", simTime(s.Now), "zxid", s.Zxid, "nodes", fmt.Sprint(s.Nodes))
	ensemble := len(s.Members) > 1
	for _, m := range s.Members {
		if ensemble {
			role := cmp.Or(m.Role, "not-serving")
			_ = printLine(w, "member", fmt.Sprint(m.ID), m.Clients, role, "zxid", m.Zxid, "behind", fmt.Sprint(m.Behind))
		}
	}
	for _, x := range s.Sessions {
		timeout := time.Duration(x.TimeoutMS) * time.Millisecond
		parts := []string{"session", x.ID, "timeout", timeout.String()}
		switch {
		case !x.Connected:
			parts = append(parts, "disconnected")
		case ensemble && x.Member > 0:
			parts = append(parts, "connected", "to", fmt.Sprint(x.Member))
		default:
			parts = append(parts, "connected")
		}
		if x.Local > 0 {
			parts = append(parts, "local")
		}
		_ = printLine(w, append(parts, x.Ephemerals...)...)
	}
	for _, x := range s.Watches {
		table := "data"
		if x.Child {
			table = "child"
		}
		_ = printLine(w, append([]string{"watch", x.Path, table, "by", x.Session}, x.Modes...)...)
	}
	return nil
}

func printTree(w io.Writer, text []byte) error {
	var tree struct {
		Nodes []struct {
			Path      string
			Data      []byte
			Container bool
			TTLMS     int64 `json:"ttl_ms"`
			Stat      struct {
				Version int
				Owner   string `json:"ephemeral_owner"`
			}
		}
	}
	if err := json.Unmarshal(text, &tree); err != nil {
		return err
	}
	for _, n := range tree.Nodes {
		parts := []string{n.Path, fmt.Sprintf("v%d", n.Stat.Version)}
		switch {
		case n.Stat.Owner != "0x0":
			parts = append(parts, "ephemeral", n.Stat.Owner)
		case n.Container:
			parts = append(parts, "container")
		case n.TTLMS != 0:
			parts = append(parts, "ttl", (time.Duration(n.TTLMS) * time.Millisecond).String())
		}
		switch {
		case n.Data == nil:
			parts = append(parts, "null")
		case len(n.Data) > 0:
			parts = append(parts, fmt.Sprintf("%q", n.Data))
		}
		if err := printLine(w, parts...); err != nil {
			return err
		}
	}
	return nil
}

// printFaults prints the rules of a plan, each with how often it has fired.
func printFaults(w io.Writer, text []byte) error {
	var plan struct {
		Seed  uint64
		Rules []struct {
			Text  string
			Fired int
		}
	}
	if err := json.Unmarshal(text, &plan); err != nil {
		return err
	}
	if plan.Seed != 0 {
		_ = printLine(w, "seed", fmt.Sprint(plan.Seed))
	}
	for _, r := range plan.Rules {
		if err := printLine(w, r.Text, " # fired", fmt.Sprint(r.Fired)); err != nil {
			return err
		}
	}
	return nil
}

// printEvent prints an event: time, zxid, kind, and what the kind has to say.
func printEvent(w io.Writer, data []byte) error {
	var e struct {
		Kind, Zxid, Session, Op, Path, Error, Type, Rule string
		Time                                             time.Time
		Changes                                          []struct{ Type, Path string }
	}
	if err := json.Unmarshal(data, &e); err != nil {
		return err
	}
	if e.Kind == "" { // the stream's end
		return fmt.Errorf("%s", e.Error)
	}
	parts := []string{simTime(e.Time), e.Zxid, e.Kind}
	for _, part := range []string{e.Op, e.Type, e.Path} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	if e.Session != "" {
		parts = append(parts, "session", e.Session)
	}
	if e.Error != "" {
		parts = append(parts, "error", e.Error)
	}
	if e.Rule != "" {
		parts = append(parts, "by", e.Rule)
	}
	for _, c := range e.Changes {
		if c.Path != e.Path {
			parts = append(parts, c.Type, c.Path)
		}
	}
	return printLine(w, parts...)
}

package transcript

import (
	"fmt"
	"slices"
	"strings"
)

// script is a parsed transcript file. It keeps every line, so that it can be
// written again with other expectations and nothing else changed.
type script struct {
	name     string
	fresh    bool              // needs a server of its own
	settings map[string]string // of the server, on top of the defaults; "" removes one
	skip     map[string]string // why not to run it, by the name of a backend or profile
	only     []string          // the backends to run it on, if not on all
	others   string            // why not on the others
	options  []string
	blocks   []*block
	tail     []string // what follows the last block
}

// block is some commands and what they print.
type block struct {
	line     int      // number of the first command's line
	input    []string // comments, blank lines and commands, as they stand in the file
	commands []command
	sections []section
}

// section is one expectation. The label is "" for what every server prints, or
// words: a profile ("3.8"), and "or" for what may be printed instead.
type section struct {
	label []string
	lines []string
}

// command is one line of input and the indented lines below it.
type command struct {
	line int
	text string
	body []string // without the first level of indentation
}

const rule = "----"

func parse(name, text string) (*script, error) {
	s := &script{name: name, settings: map[string]string{}, skip: map[string]string{}}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	start := 0
	for i := 0; i < len(lines); i++ {
		if !isRule(lines[i]) {
			continue
		}
		b := &block{input: lines[start:i]}
		for i < len(lines) && isRule(lines[i]) {
			sec := section{label: strings.Fields(lines[i])[1:]}
			for i++; i < len(lines) && lines[i] != "" && !isRule(lines[i]); i++ {
				sec.lines = append(sec.lines, lines[i])
			}
			b.sections = append(b.sections, sec)
		}
		if err := s.parseInput(b, start); err != nil {
			return nil, fmt.Errorf("%s:%w", name, err)
		}
		s.blocks = append(s.blocks, b)
		start = i
	}
	s.tail = lines[start:]
	for i, line := range s.tail {
		if line != "" && line[0] != '#' {
			return nil, fmt.Errorf("%s:%d: no %s after this command", name, start+i+1, rule)
		}
	}
	return s, nil
}

func isRule(line string) bool { return line == rule || strings.HasPrefix(line, rule+" ") }

// parseInput takes the commands and the file's directives out of a block's input.
func (s *script) parseInput(b *block, start int) error {
	var lines []string
	for i, line := range b.input {
		number := start + i + 1
		verb, rest, _ := strings.Cut(line, " ")
		switch verb {
		case "server", "option", "skip", "only":
			if len(s.blocks) > 0 || len(lines) > 0 {
				return fmt.Errorf("%d: %s stands before the first command", number, verb)
			}
			if err := s.directive(verb, rest); err != nil {
				return fmt.Errorf("%d: %w", number, err)
			}
			continue
		}
		if line == "" || line[0] == '#' {
			continue
		}
		if len(lines) == 0 {
			b.line = number
		}
		lines = append(lines, line)
	}
	var err error
	b.commands, err = parseCommands(lines)
	for i := range b.commands {
		b.commands[i].line = b.line
	}
	return err
}

func (s *script) directive(verb, rest string) error {
	switch verb {
	case "server":
		for _, word := range strings.Fields(rest) {
			key, value, set := strings.Cut(word, "=")
			switch {
			case word == "fresh":
				s.fresh = true
			case set:
				s.settings[key] = value
			case key[0] == '-':
				s.settings[key[1:]] = ""
			default:
				return fmt.Errorf("server: %q is not key=value, -key or fresh", word)
			}
		}
	case "option":
		s.options = append(s.options, strings.Fields(rest)...)
	case "skip", "only":
		who, why, ok := strings.Cut(rest, ":")
		if !ok {
			return fmt.Errorf("%s wants \"%s NAME: reason\"", verb, verb)
		}
		if why = strings.TrimSpace(why); verb == "only" {
			s.only, s.others = strings.Fields(who), why
			return nil
		}
		for _, name := range strings.Fields(who) {
			s.skip[name] = why
		}
	}
	return nil
}

// parseCommands joins indented lines to the command above them.
func parseCommands(lines []string) ([]command, error) {
	var cs []command
	for _, line := range lines {
		body, indented := strings.CutPrefix(line, "  ")
		switch {
		case !indented:
			cs = append(cs, command{text: strings.TrimSpace(line)})
		case len(cs) == 0:
			return nil, fmt.Errorf("indented line %q has no command above it", line)
		default:
			last := &cs[len(cs)-1]
			last.body = append(last.body, body)
		}
	}
	return cs, nil
}

// accepts tells whether the block's expectations for a profile admit got, as
// the view shows both; nil shows them as they are.
func (b *block) accepts(profile string, got []string, view func([]string) []string) bool {
	if view == nil {
		view = slices.Clone[[]string]
	}
	for _, sec := range b.expected(profile) {
		if slices.Equal(view(sec.lines), view(got)) {
			return true
		}
	}
	return false
}

// expected returns the alternatives for a profile: its own, or everybody's.
func (b *block) expected(profile string) []section {
	var own, all []section
	for _, sec := range b.sections {
		switch {
		case slices.Contains(sec.label, profile):
			own = append(own, sec)
		case len(sec.label) == 0 || slices.Equal(sec.label, []string{"or"}):
			all = append(all, sec)
		}
	}
	if len(own) > 0 {
		return own
	}
	return all
}

// record makes got the expectation for a profile. The main profile's stands
// without a label; another's only where it differs. Where there are
// alternatives it is one more of them.
func (b *block) record(profile string, isMain bool, got []string) {
	if isMain {
		if b.accepts("", got, nil) {
			return
		}
		if len(b.expected("")) > 1 {
			b.sections = append(b.sections, section{label: []string{"or"}, lines: got})
			return
		}
		b.sections = slices.DeleteFunc(b.sections, func(s section) bool {
			return len(s.label) == 0 || slices.Equal(s.label, []string{"or"})
		})
		b.sections = slices.Insert(b.sections, 0, section{lines: got})
		return
	}
	if b.accepts(profile, got, nil) && !b.redundant(profile) {
		return
	}
	if own := b.expected(profile); len(own) > 1 && slices.Contains(own[0].label, profile) {
		b.sections = append(b.sections, section{label: []string{profile, "or"}, lines: got})
		return
	}
	b.sections = slices.DeleteFunc(b.sections, func(s section) bool { return slices.Contains(s.label, profile) })
	if !b.accepts(profile, got, nil) {
		b.sections = append(b.sections, section{label: []string{profile}, lines: got})
	}
}

// redundant tells whether the profile's own section says what everybody's says.
func (b *block) redundant(profile string) bool {
	own, all := b.expected(profile), b.expected("")
	return len(own) == 1 && len(all) == 1 && len(own[0].label) > 0 && slices.Equal(own[0].lines, all[0].lines)
}

// String is the file's text.
func (s *script) String() string {
	var out strings.Builder
	put := func(lines []string) {
		for _, line := range lines {
			out.WriteString(line + "\n")
		}
	}
	for _, b := range s.blocks {
		put(b.input)
		for _, sec := range b.sections {
			put([]string{strings.Join(append([]string{rule}, sec.label...), " ")})
			put(sec.lines)
		}
	}
	put(s.tail)
	return out.String()
}

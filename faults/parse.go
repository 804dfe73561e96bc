package faults

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/zksim/zksim/zkapi"
)

// SyntaxError says what is wrong with the text of a plan, and where.
type SyntaxError struct {
	Line, Column int // both count from 1, the column in characters
	Reason       string
}

// Error reads "faults: line 1, column 5: want ...".
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("faults: line %d, column %d: %s", e.Line, e.Column, e.Reason)
}

// parseText reads the text form of a plan.
func parseText(text string) (seed uint64, rules []Rule, err error) {
	for _, statement := range split(text) {
		p := parser{words: statement}
		if first := p.words[0]; first.text == "seed" {
			seed, err = p.seed()
		} else {
			var r Rule
			if r, err = p.rule(); err == nil {
				rules = append(rules, r)
			}
		}
		if err != nil {
			return 0, nil, err
		}
	}
	return seed, rules, nil
}

// word is what stands between blanks.
type word struct {
	text         string
	line, column int
}

func (w word) errorf(format string, args ...any) error {
	return &SyntaxError{w.line, w.column, fmt.Sprintf(format, args...)}
}

// split cuts the text into statements of one word or more. A statement ends at
// the end of the line or with a semicolon. # and a digit is a word, any other #
// at the start of a word begins a comment. Quotes may stand anywhere in a word
// and keep blanks, semicolons and # in it together.
func split(text string) (statements [][]word) {
	var words []word
	end := func() {
		if len(words) > 0 {
			statements = append(statements, words)
			words = nil
		}
	}
	line, column := 1, 1
	for text != "" {
		c, size := utf8.DecodeRuneInString(text)
		switch {
		case c == '\n':
			end()
			line, column, text = line+1, 1, text[size:]
		case c == ';':
			end()
			column, text = column+1, text[size:]
		case unicode.IsSpace(c):
			column, text = column+1, text[size:]
		case c == '#' && (len(text) == 1 || text[1] < '0' || text[1] > '9'):
			n := strings.IndexByte(text, '\n')
			if n < 0 {
				n = len(text)
			}
			text = text[n:]
		default:
			n := wordLen(text)
			words = append(words, word{text[:n], line, column})
			column, text = column+utf8.RuneCountInString(text[:n]), text[n:]
		}
	}
	end()
	return statements
}

// wordLen is the length of the word at the start of text.
func wordLen(text string) int {
	quoted, escaped := false, false
	for i, c := range text {
		switch {
		case c == '\n':
			return i
		case escaped:
			escaped = false
		case quoted && c == '\\':
			escaped = true
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ';' || unicode.IsSpace(c)):
			return i
		}
	}
	return len(text)
}

// parser reads one statement.
type parser struct {
	words []word
	last  word // the one that was read last
}

// next takes the next word. The error points behind the last one.
func (p *parser) next(want string) (word, error) {
	if len(p.words) == 0 {
		end := p.last
		end.column += utf8.RuneCountInString(end.text)
		return end, end.errorf("%s wants %s", p.last.text, want)
	}
	p.last, p.words = p.words[0], p.words[1:]
	return p.last, nil
}

func (p *parser) seed() (uint64, error) {
	_, _ = p.next("")
	w, err := p.next("a number")
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(w.text, 10, 64)
	if err != nil {
		return 0, w.errorf("seed wants a number from 0 to 2^64-1, not %s", shown(w.text))
	}
	if len(p.words) > 0 {
		return 0, p.words[0].errorf("want ; or a new line after the seed, not %s", shown(p.words[0].text))
	}
	return n, nil
}

func (p *parser) rule() (r Rule, err error) {
	first, _ := p.next("")
	if r.Action = Action(first.text); !slices.Contains(actionNames, r.Action) {
		if strings.HasPrefix(first.text, "#") {
			return r, first.errorf("want an action before %s, or a blank behind # to make it a comment", shown(first.text))
		}
		return r, first.unknown("a rule starts with", append(slices.Clone(actionNames), "seed"))
	}
	if err := p.what(&r); err != nil {
		return r, err
	}
	for len(p.words) > 0 {
		if err := p.attribute(&r); err != nil {
			return r, err
		}
	}
	if err := r.Check(); err != nil {
		return r, first.errorf("%v", err)
	}
	return r, nil
}

// what reads what the action takes.
func (p *parser) what(r *Rule) error {
	switch r.Action {
	case Delay:
		d, err := p.duration("a time, such as 2s or 150ms")
		if err != nil {
			return err
		}
		r.Delay = d
	case Error:
		w, err := p.next("ZooKeeper's name of an error, such as NoNode")
		if err != nil {
			return err
		}
		if r.Code, err = w.code(); err != nil {
			return err
		}
		r.Point = BeforeRequest // unless it is said
		if len(p.words) == 0 || !slices.Contains(actionForms[Error].points, Point(p.words[0].text)) {
			return nil
		}
	case Slow:
		w, err := p.next("a rate, such as 100B/s")
		if err != nil {
			return err
		}
		text, ok := strings.CutSuffix(w.text, "B/s")
		if n, err := strconv.ParseInt(text, 10, 32); ok && err == nil && n > 0 {
			r.Rate = int(n)
		} else {
			return w.errorf("slow wants a rate, such as 100B/s, not %s", shown(w.text))
		}
	}
	form := actionForms[r.Action]
	switch {
	case form.points != nil:
		w, err := p.next(list(form.points))
		if err != nil {
			return err
		}
		if r.Point = Point(w.text); !slices.Contains(form.points, r.Point) {
			return w.unknown(string(r.Action)+" wants", form.points)
		}
	case form.way:
		w, err := p.next(list(wayNames))
		if err != nil {
			return err
		}
		if r.Way = Way(w.text); !slices.Contains(wayNames, r.Way) {
			return w.unknown(string(r.Action)+" wants", wayNames)
		}
	}
	return nil
}

// attribute reads one word, or two, about where or when.
func (p *parser) attribute(r *Rule) error {
	w, _ := p.next("")
	twice := func(set bool) error {
		if set {
			return w.errorf("%s comes a second time", shown(w.text))
		}
		return nil
	}
	text := w.text
	key, value, pair := strings.Cut(text, "=")
	switch {
	case text[0] == '/' || text[0] == '"':
		path, err := w.unquote(text)
		if err != nil {
			return err
		}
		if !strings.HasPrefix(path, "/") {
			return w.errorf("path %s does not start with /", shown(path))
		}
		defer func() { r.Path = path }()
		return twice(r.Path != "")
	case pair && key == "client":
		name, err := w.unquote(value)
		if err != nil {
			return err
		}
		if name == "" {
			return w.errorf("client= wants a name")
		}
		defer func() { r.Client = name }()
		return twice(r.Client != "")
	case pair && key == "session":
		id, err := parseSession(value)
		if err != nil {
			return w.errorf("%v", err)
		}
		defer func() { r.Session = id }()
		return twice(r.Session != 0)
	case text[0] == '#':
		n, err := w.count(text[1:])
		defer func() { r.Nth = n }()
		return first(err, twice(r.Nth != 0))
	case text[len(text)-1] == '%':
		n, err := strconv.ParseFloat(text[:len(text)-1], 64)
		if err != nil || !(n > 0 && n <= 100) {
			return w.errorf("want a chance above 0%% and up to 100%%, such as 2.5%%, not %s", shown(text))
		}
		defer func() { r.Percent = n }()
		return twice(r.Percent != 0)
	case text == "every", text == "times":
		field := map[string]*int{"every": &r.Every, "times": &r.Times}[text]
		if err := twice(*field != 0); err != nil {
			return err
		}
		number, err := p.next("a number")
		if err != nil {
			return err
		}
		*field, err = number.count(number.text)
		return err
	case text == "once":
		defer func() { r.Times = 1 }()
		return twice(r.Times != 0)
	case text == "from", text == "to":
		field := map[string]*time.Duration{"from": &r.From, "to": &r.To}[text]
		if err := twice(*field != 0); err != nil {
			return err
		}
		d, err := p.duration("a time since the start, such as 30s")
		*field = d
		return err
	}
	return p.operations(r, w)
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// operations reads names of operations, separated by commas.
func (p *parser) operations(r *Rule, w word) error {
	if len(r.Operations) > 0 {
		return w.errorf("unexpected %s: want a path, client=NAME, session=0xID, #N, every N, N%%, once, times N, from TIME or to TIME",
			shown(w.text))
	}
	at := w.column
	for name := range strings.SplitSeq(w.text, ",") {
		here := word{name, w.line, at}
		at += utf8.RuneCountInString(name) + 1
		if slices.Contains(r.Operations, name) {
			return here.errorf("%s comes a second time", shown(name))
		}
		if err := checkOperation(name, r.Point == AfterNotification); err != nil {
			if hint := nearest(name, []string{"client=", "session=", "every", "once", "times", "from"}); hint != "" && !strings.Contains(err.Error(), "mean") {
				return here.errorf("unexpected %s: do you mean %s?", shown(name), hint)
			}
			return here.errorf("%v", err)
		}
		r.Operations = append(r.Operations, name)
	}
	return nil
}

func (p *parser) duration(want string) (time.Duration, error) {
	before := p.last.text
	w, err := p.next(want)
	if err != nil {
		return 0, err
	}
	d, err := time.ParseDuration(w.text)
	if err != nil || d <= 0 {
		return 0, w.errorf("%s wants %s, not %s", before, want, shown(w.text))
	}
	return d, nil
}

func (w word) count(text string) (int, error) {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 1 {
		return 0, w.errorf("want a number from 1, not %s", shown(text))
	}
	return int(n), nil
}

func (w word) code() (zkapi.Code, error) {
	if code, ok := codes[w.text]; ok {
		return code, nil
	}
	if n, err := strconv.ParseInt(w.text, 10, 32); err == nil && n < 0 {
		return zkapi.Code(n), nil
	}
	names := slices.Sorted(maps.Keys(codes))
	if hint := nearest(w.text, names); hint != "" {
		return 0, w.errorf("unknown error %s: do you mean %s?", shown(w.text), hint)
	}
	return 0, w.errorf("unknown error %s: want ZooKeeper's name, such as NoNode, or its number", shown(w.text))
}

// unquote returns a text that may be in quotes.
func (w word) unquote(text string) (string, error) {
	if !strings.Contains(text, `"`) {
		return text, nil
	}
	s, err := strconv.Unquote(text)
	if err != nil || text[0] != '"' {
		return "", w.errorf(`%s: want the whole of it in quotes, with \" for a quote and \\ for a \`, shown(text))
	}
	return s, nil
}

func parseSession(text string) (int64, error) {
	digits, ok := strings.CutPrefix(text, "0x")
	n, err := strconv.ParseUint(digits, 16, 64)
	if !ok || err != nil || n == 0 {
		return 0, fmt.Errorf("session wants an id such as 0x1000271d0ab0001, not %s", shown(text))
	}
	return int64(n), nil
}

// unknown says which words could stand in a place, and which of them was probably meant.
func (w word) unknown(who string, choices any) error {
	var names []string
	switch c := choices.(type) {
	case []Action:
		names = strs(c)
	case []Point:
		names = strs(c)
	case []Way:
		names = strs(c)
	}
	if hint := nearest(w.text, names); hint != "" {
		return w.errorf("%s %s, not %s: do you mean %s?", who, list(names), shown(w.text), hint)
	}
	return w.errorf("%s %s, not %s", who, list(names), shown(w.text))
}

func strs[S ~string](in []S) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = string(s)
	}
	return out
}

// shown quotes a word for an error, and shortens what is long.
func shown(text string) string {
	if utf8.RuneCountInString(text) > 40 {
		text = string([]rune(text)[:40]) + "..."
	}
	return strconv.Quote(text)
}

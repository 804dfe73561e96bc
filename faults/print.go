package faults

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/zksim/zksim/zkapi"
)

// String is the rule in the text form that Parse reads.
func (r Rule) String() string {
	words := []string{string(r.Action)}
	add := func(ok bool, format string, args ...any) {
		if ok {
			words = append(words, fmt.Sprintf(format, args...))
		}
	}
	add(r.Delay != 0, "%v", r.Delay)
	add(r.Code != 0, "%s", codeText(r.Code))
	add(r.Rate != 0, "%dB/s", r.Rate)
	add(r.Point != "" && !(r.Action == Error && r.Point == BeforeRequest), "%s", r.Point)
	add(r.Way != "", "%s", r.Way)
	add(len(r.Operations) > 0, "%s", strings.Join(r.Operations, ","))
	add(r.Path != "", "%s", quoted(r.Path))
	add(r.Client != "", "client=%s", quoted(r.Client))
	add(r.Session != 0, "session=%s", sessionText(r.Session))
	add(r.Nth != 0, "#%d", r.Nth)
	add(r.Every != 0, "every %d", r.Every)
	add(r.Percent != 0, "%s%%", strconv.FormatFloat(r.Percent, 'f', -1, 64))
	add(r.From != 0, "from %v", r.From)
	add(r.To != 0, "to %v", r.To)
	add(r.Times == 1, "once")
	add(r.Times > 1, "times %d", r.Times)
	return strings.Join(words, " ")
}

func codeText(c zkapi.Code) string {
	if known, ok := codes[c.Name()]; ok && known == c {
		return c.Name()
	}
	return strconv.Itoa(int(c))
}

func sessionText(id int64) string { return "0x" + strconv.FormatUint(uint64(id), 16) }

// quoted puts into quotes what would not be one word by itself.
func quoted(text string) string {
	if strings.ContainsFunc(text, func(c rune) bool {
		return c == '"' || c == ';' || unicode.IsSpace(c) || !unicode.IsPrint(c) || c == unicode.ReplacementChar
	}) {
		return strconv.Quote(text)
	}
	return text
}

// text prints a whole plan, one rule a line.
func text(seed uint64, rules []Rule) string {
	var lines []string
	if seed != 0 {
		lines = append(lines, "seed "+strconv.FormatUint(seed, 10))
	}
	for i := range rules {
		lines = append(lines, rules[i].String())
	}
	return strings.Join(lines, "\n")
}

package transcript

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// loop runs its body once for each of the values and prints one line for each.
// "for a,b in 1,2 3,4" sets two variables at a time.
func (x *exec) loop(line string, body []string) ([]string, error) {
	head, tail, ok := strings.Cut(strings.TrimPrefix(line, "for "), " in ")
	if !ok {
		return nil, errors.New("want: for NAME in VALUES")
	}
	vars := strings.Split(head, ",")
	values, err := rawWords(tail)
	if err != nil {
		return nil, err
	}
	cs, err := parseCommands(body)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, value := range values {
		columns, err := x.iteration(cs, replacer(vars, value))
		if columns != "" {
			out = append(out, value+": "+columns)
		}
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

// replacer puts a loop's value in the place of $name, and in the place of
// ${name} without its quotes.
func replacer(vars []string, value string) *strings.Replacer {
	parts := []string{value}
	if len(vars) > 1 {
		parts = strings.SplitN(value, ",", len(vars))
	}
	var pairs []string
	for i, part := range parts {
		bare := part
		if unquoted, err := strconv.Unquote(part); err == nil {
			bare = unquoted
		}
		pairs = append(pairs, "${"+vars[i]+"}", bare, "$"+vars[i], part)
	}
	return strings.NewReplacer(pairs...)
}

func (x *exec) iteration(cs []command, r *strings.Replacer) (string, error) {
	var columns []string
	for _, c := range cs {
		body := slices.Clone(c.body)
		for i := range body {
			body[i] = r.Replace(body[i])
		}
		text := r.Replace(c.text)
		lines, err := x.command(text, body)
		for i := range lines {
			lines[i] = strings.TrimSpace(lines[i])
		}
		if len(lines) > 0 {
			columns = append(columns, strings.Join(lines, "; "))
		}
		if err != nil {
			return strings.Join(columns, " | "), fmt.Errorf("%s: %w", text, err)
		}
	}
	return strings.Join(columns, " | "), nil
}

// rawWords splits at spaces outside quotes and keeps the quotes.
func rawWords(line string) ([]string, error) {
	var raw []string
	for line = strings.TrimLeft(line, " "); line != ""; line = strings.TrimLeft(line, " ") {
		end := 0
		for quoted := false; end < len(line) && (quoted || line[end] != ' '); end++ {
			switch {
			case line[end] == '"':
				quoted = !quoted
			case line[end] == '\\' && quoted:
				end++
			}
		}
		if end > len(line) {
			return nil, fmt.Errorf("bad quotes in %s", line)
		}
		raw = append(raw, line[:end])
		line = line[end:]
	}
	return raw, nil
}

// repeated takes "repeat 100 create /n$i" apart.
func repeated(line string) (count int, rest string, ok bool) {
	text, ok := strings.CutPrefix(line, "repeat ")
	if !ok {
		return 0, "", false
	}
	number, rest, _ := strings.Cut(text, " ")
	count, err := strconv.Atoi(number)
	return count, rest, err == nil
}

// collapse writes a line that comes more than twice in a row once.
func collapse(lines []string) []string {
	var out []string
	for i := 0; i < len(lines); {
		n := 1
		for i+n < len(lines) && lines[i+n] == lines[i] {
			n++
		}
		if n > 2 {
			out = append(out, fmt.Sprintf("%s (%d times)", lines[i], n))
		} else {
			out = append(out, lines[i:i+n]...)
		}
		i += n
	}
	return out
}

// unroll writes out the lines that are repeated.
func unroll(lines []string) []string {
	var out []string
	for _, line := range lines {
		count, rest, ok := repeated(line)
		if !ok {
			out = append(out, line)
			continue
		}
		for i := range count {
			out = append(out, strings.ReplaceAll(rest, "$i", strconv.Itoa(i)))
		}
	}
	return out
}

package transcript

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// fourLetters runs "flw WORD": the answer with what is different every time
// masked. "keys" leaves only the keys of a list of properties, "only=a,b" only
// those properties, "match=REGEXP" of each line what matches, "before=TEXT" what
// comes before a line.
func (x *exec) fourLetters(a *args) ([]string, error) {
	w := a.next("word").text
	keys, only := a.flag("keys"), a.take("only", "").text
	sorted, before := a.flag("sorted"), a.take("before", "").text
	match, err := regexp.Compile(a.take("match", "").text)
	if err != nil {
		return nil, err
	}
	send := []byte(w)
	if rest := a.atoms(); len(rest) > 0 {
		send = append(send, rest...)
	}
	if err := a.done(); err != nil {
		return nil, err
	}
	answer, err := x.text(send)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w after %q", w, err, answer)
	case answer == "":
		return []string{"closed"}, nil
	case !strings.Contains(answer, "\n"):
		return []string{strconv.Quote(answer)}, nil
	}
	lines := strings.Split(answer, "\n")
	ended := lines[len(lines)-1] == ""
	if ended {
		lines = lines[:len(lines)-1]
	}
	if at := slices.Index(lines, before); before != "" && at >= 0 {
		lines = lines[:at]
	}
	if keys || only != "" {
		lines = selectKeys(lines, keys, only)
	}
	if match.String() != "" {
		for i := range lines {
			lines[i] = strings.Join(match.FindAllString(lines[i], -1), " ")
		}
		lines = slices.DeleteFunc(lines, func(l string) bool { return l == "" })
	}
	for i := range lines {
		lines[i] = x.mask(lines[i])
	}
	// A set of sessions from which all have moved on stays for a while.
	lines = slices.DeleteFunc(lines, func(l string) bool { return l == "0 expire at TIME:" })
	if sorted {
		slices.Sort(lines)
	}
	for i := range lines {
		lines[i] = strings.TrimRight("> "+lines[i], " ")
	}
	if !ended {
		lines = append(lines, "(no newline at the end)")
	}
	return lines, nil
}

// selectKeys works on lines "key=value" and "key<tab>value", in no order.
func selectKeys(lines []string, keys bool, only string) []string {
	var out []string
	for _, line := range lines {
		end := strings.IndexAny(line, "=\t")
		if end < 0 {
			out = append(out, line)
			continue
		}
		if only != "" && !slices.Contains(strings.Split(only, ","), line[:end]) {
			continue
		}
		if keys {
			line = line[:end]
		}
		out = append(out, line)
	}
	if keys || only != "" {
		slices.Sort(out)
	}
	return out
}

var masks = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`\d+\.\d+\.\d+\S*-\S+, built on \d{4}-\d\d-\d\d \d\d:\d\d \w+`), "VERSION-HASH, built on DATE"},
	{regexp.MustCompile(`(?m)^((?:Latency|Proposal sizes) .*: ).*$`), "${1}N"},
	{regexp.MustCompile(`^((?:Received|Sent): )\d+$`), "${1}N"},
	// A request may be counted as done before it is counted as there.
	{regexp.MustCompile(`^(Outstanding: |zk_outstanding_requests\t)-1$`), "${1}0"},
	{regexp.MustCompile(`^ /\S+?\[\d+\]`), " /ADDRESS[N]"},
	{regexp.MustCompile(`\bip: /\S+`), "ip: /ADDRESS"},
	{regexp.MustCompile(`\b(est|lresp|llat|minlat|avglat|maxlat|queued|recved|sent)=\d+`), "${1}=N"},
	{regexp.MustCompile(`^(clientPort|clientPortListenBacklog|dataDirSize|dataLogSize|datadir_size|logdir_size)(=|: ).*$`), "${1}${2}N"},
	{regexp.MustCompile(`^(dataDir|dataLogDir)=.*$`), "${1}=DIR"},
	{regexp.MustCompile(`^(Session|Connections) Sets \(\d+\)/`), "${1} Sets (N)/"},
	{regexp.MustCompile(`^(\d+ expire at ).*:$`), "${1}TIME:"},
}

var (
	hexID   = regexp.MustCompile(`0x[0-9a-f]{12,}`)
	hexZxid = regexp.MustCompile(`(?i)(zxid(?:: |=))0x([0-9a-f]+)`)
)

// mask replaces what differs from run to run and names sessions and zxids.
func (x *exec) mask(line string) string {
	line = hexZxid.ReplaceAllStringFunc(line, func(s string) string {
		m := hexZxid.FindStringSubmatch(s)
		z, err := strconv.ParseInt(m[2], 16, 64)
		if err != nil {
			return s
		}
		return m[1] + x.zxid(z)
	})
	line = hexID.ReplaceAllStringFunc(line, func(s string) string {
		id, err := strconv.ParseUint(s[2:], 16, 64)
		if err != nil {
			return s
		}
		return "session:" + x.sessionName(int64(id))
	})
	for _, m := range masks {
		line = m.pattern.ReplaceAllString(line, m.with)
	}
	return line
}

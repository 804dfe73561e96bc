package frames

import (
	"io"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// words are the four-letter words that histories ask. The others read or
// change what a comparison must not: stmk sets the mask of the server's trace.
var words = []string{"ruok", "srvr", "stat", "cons", "conf", "mntr", "wchs", "wchc", "wchp", "dump", "envi", "dirs", "isro", "gtmk", "crst", "srst", "hash"}

// word asks both servers a four-letter word. All that was asked before is
// answered then, so they are at rest.
func (x *run) word(n int, word string) error {
	if err := x.listen(n, append(x.links[:], x.admin)); err != nil {
		return err
	}
	e := &round{step: n, word: word, link: "4lw"}
	for side, srv := range x.servers {
		nc, err := srv.Dial()
		if err != nil {
			x.broken = true
			return err
		}
		text, err := askWord(nc, word)
		o := &e.got[side]
		if o.closed = true; err != nil {
			o.trouble = err.Error()
		}
		for _, line := range x.shape(side, word, text) {
			o.answers = append(o.answers, answer{isText, -1, 0, []byte(line)})
		}
	}
	return x.compare(e)
}

func askWord(nc net.Conn, word string) (string, error) {
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(nc, word); err != nil {
		return "", err
	}
	text, err := io.ReadAll(nc)
	if isReset(err) {
		err = nil
	}
	return string(text), err
}

// onlyKeys are the words whose values say something about the machine, and the
// keys whose values do not.
var onlyKeys = map[string][]string{
	"mntr": {"zk_server_state", "zk_ephemerals_count", "zk_num_alive_connections", "zk_znode_count", "zk_global_sessions",
		"zk_local_sessions", "zk_watch_count", "zk_approximate_data_size", "zk_version"},
	"envi": {"zookeeper.version"},
	"conf": {"secureClientPort", "tickTime", "maxClientCnxns", "minSessionTimeout", "maxSessionTimeout", "serverId"},
	"dirs": {},
}

// namespace are the metrics that a real server keeps for each top-level name
// that was ever asked for.
var namespace = regexp.MustCompile(`^zk_.*_per_namespace\t`)

var keyed = regexp.MustCompile(`^([\w.]+)(\t|=|: )`)

// measured is what differs from run to run.
var measured = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`^(Latency min/avg/max|Received|Sent|Outstanding): .*`), "${1}: N"},
	{regexp.MustCompile(`\[[0-9a-f]+\]\(queued=\d+,`), "[N](queued=N,"},
	{regexp.MustCompile(`\b(sent|est|lresp|llat|minlat|avglat|maxlat)=\d+`), "${1}=N"},
	{regexp.MustCompile(`^Session Sets \(\d+\)/`), "Session Sets (N)/"},
	{regexp.MustCompile(`^Connections Sets \(\d+\)/\(\d+\)`), "Connections Sets (N)/(N)"},
	{regexp.MustCompile(`^\d+ expire at .*:$`), "expire at"},
	{regexp.MustCompile(`^[0-9a-f]+: \d+$`), "ZXID: DIGEST"},
}

var (
	address   = regexp.MustCompile(`/[0-9a-f.:]+:(\d+)`)
	zxidText  = regexp.MustCompile(`(?i)(zxid[=:] ?)0x([0-9a-f]+)`)
	idText    = regexp.MustCompile(`(^|sid=|sessionId: )0x([0-9a-f]+)`)
	unordered = []string{"stat", "cons", "mntr", "dump", "wchc", "wchp"}
)

// shape is the answer to a word as lines, without what is measured, and with
// numbers as in the replies. What hangs on a line by a tab is put behind it.
func (x *run) shape(side int, word, text string) []string {
	var lines []string
	names := x.ports(side)
	for line := range strings.Lines(text) {
		ended := strings.HasSuffix(line, "\n")
		line = strings.TrimSuffix(line, "\n")
		if namespace.MatchString(line) {
			continue // not there in the simulator, as README.md says
		}
		hangs := strings.HasPrefix(line, "\t")
		if line = x.plain(side, strings.TrimPrefix(line, "\t"), names); !ended {
			line += " (no newline)"
		}
		if values, ok := onlyKeys[word]; ok {
			if m := keyed.FindStringSubmatch(line); m != nil && !slices.Contains(values, m[1]) {
				line = m[1] + m[2] + "N"
			}
		}
		if hangs && len(lines) > 0 {
			lines[len(lines)-1] += "\t" + line
		} else {
			lines = append(lines, line)
		}
	}
	for i, line := range lines {
		parts := strings.Split(line, "\t")
		slices.Sort(parts[1:])
		lines[i] = strings.Join(parts, "\t")
	}
	if word == "dump" {
		lines = bucketless(lines)
	}
	if slices.Contains(unordered, word) {
		slices.Sort(lines)
	}
	if word == "hash" {
		lines = slices.Compact(lines)
	}
	return lines
}

// bucketless forgets which sessions and connections expire together, which
// depends on the time, and the connections that are not ours any more: a real
// server may put one back that it has just closed.
func bucketless(lines []string) []string {
	var flat []string
	for _, line := range lines {
		if members, ok := strings.CutPrefix(line, "expire at"); ok {
			flat = append(flat, strings.Split(strings.TrimPrefix(members, "\t"), "\t")...)
		} else {
			flat = append(flat, line)
		}
	}
	return slices.DeleteFunc(flat, func(s string) bool { return s == "" || strings.HasPrefix(s, "ip: /itself") })
}

// ports are the names of the connections, by their ports on our side.
func (x *run) ports(side int) map[string]string {
	names := make(map[string]string)
	for _, l := range append(x.links[:], x.admin) {
		if l.open() {
			_, port, _ := net.SplitHostPort(l.conns[side].nc.LocalAddr().String())
			names[port] = l.name
		}
	}
	return names
}

func (x *run) plain(side int, line string, names map[string]string) string {
	line = address.ReplaceAllStringFunc(line, func(s string) string {
		name, ok := names[s[strings.LastIndexByte(s, ':')+1:]]
		if !ok {
			name = "itself"
		}
		return "/" + name
	})
	replace := func(with func(int64) int64) func(string) string {
		return func(s string) string {
			at := strings.LastIndex(s, "0x")
			v, err := strconv.ParseUint(s[at+2:], 16, 64)
			if err != nil {
				return s
			}
			return s[:at] + number(with(int64(v)))
		}
	}
	line = zxidText.ReplaceAllStringFunc(line, replace(x.scales[side].zxid))
	line = idText.ReplaceAllStringFunc(line, replace(x.scales[side].sessionID))
	for _, m := range measured {
		line = m.pattern.ReplaceAllString(line, m.with)
	}
	return line
}

package control

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/zksim/zksim/memserver"
)

// ZooKeeper's own commands, as its AdminServer has them: the same names, keys,
// types and oddities. What a command tells comes from the four-letter words,
// whose values are the same ones under other names.

// object is a JSON object that keeps its order.
type object []field

type field struct {
	key   string
	value any
}

// MarshalJSON implements json.Marshaler.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, f := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := json.Marshal(f.key)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(f.value)
		if err != nil {
			return nil, err
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// admin is the AdminServer of one member: in a real ensemble each has its own.
type admin struct {
	*Server
	m *memserver.Member
}

// command is one of ZooKeeper's own commands. An error of its own goes into the answer.
type command struct {
	name    string
	aliases []string
	run     func(a *admin, q *http.Request) (object, error)
	since39 bool // and needs credentials
}

// always are those that are also answered where nobody is served.
var always = []string{"environment", "get_trace_mask", "set_trace_mask", "system_properties", "zabstate"}

func commands() []command {
	return []command{
		{"configuration", []string{"conf", "config"}, (*admin).configuration, false},
		{"connection_stat_reset", []string{"crst"}, word("crst"), false},
		{"connections", []string{"cons"}, (*admin).connections, false},
		{"dirs", nil, constant(object{{"datadir_size", 0}, {"logdir_size", 0}}), false},
		{"dump", nil, (*admin).dump, false},
		{"environment", []string{"env", "envi"}, (*admin).environment, false},
		{"get_trace_mask", []string{"gtmk"}, (*admin).getTraceMask, false},
		{"hash", nil, (*admin).hash, false},
		{"initial_configuration", []string{"icfg"}, (*admin).initialConfiguration, false},
		{"is_read_only", []string{"isro"}, (*admin).isReadOnly, false},
		{"last_snapshot", []string{"lsnp"}, (*admin).lastSnapshot, false},
		{"leader", []string{"lead"}, (*admin).leader, false},
		{"monitor", []string{"mntr"}, (*admin).monitor, false},
		{"observer_connection_stat_reset", []string{"orst"}, constant(nil), false},
		{"observers", []string{"obsr"}, (*admin).observers, false},
		{"restore", []string{"rest"}, nil, true},
		{"ruok", nil, constant(nil), false},
		{"server_stats", []string{"srvr"}, (*admin).serverStats, false},
		{"set_trace_mask", []string{"stmk"}, (*admin).setTraceMask, false},
		{"snapshot", []string{"snap"}, nil, true},
		{"stat_reset", []string{"srst"}, word("srst"), false},
		{"stats", []string{"stat"}, (*admin).stats, false},
		{"system_properties", []string{"sysp"}, (*admin).systemProperties, false},
		{"voting_view", nil, (*admin).votingView, false},
		{"watch_summary", []string{"wchs"}, (*admin).watchSummary, false},
		{"watches", []string{"wchc"}, (*admin).watchesBySession, false},
		{"watches_by_path", []string{"wchp"}, (*admin).watchesByPath, false},
		{"zabstate", nil, (*admin).zabState, false},
	}
}

// commandsOf are the commands of the version that the server behaves as.
func (a *admin) commandsOf() []command {
	old := strings.HasPrefix(a.version(), "3.8")
	return slices.DeleteFunc(commands(), func(c command) bool { return c.since39 && old })
}

// onAdmin makes a handler of what the AdminServer of a member does: of the one
// in the path, or of the first.
func onAdmin(do func(*admin, http.ResponseWriter, *http.Request) *refusal) func(*Server, http.ResponseWriter, *http.Request) *refusal {
	return func(s *Server, w http.ResponseWriter, q *http.Request) *refusal {
		m, r := s.member(cmp.Or(q.PathValue("member"), "1"))
		if r != nil {
			return r
		}
		return do(&admin{s, m}, w, q)
	}
}

// commandList is a page of links.
func (a *admin) commandList(w http.ResponseWriter, q *http.Request) *refusal {
	under := strings.TrimSuffix(q.URL.Path, "/")
	for _, c := range a.commandsOf() {
		fmt.Fprintf(w, "<a href=\"%s/%s\">%s</a>\n<br/>\n", under, c.name, c.name)
	}
	return nil
}

// command runs one of them. What it has to say against a request is in the
// field error of a success: so ZooKeeper does it.
func (a *admin) command(w http.ResponseWriter, q *http.Request) *refusal {
	name := q.PathValue("name")
	if name == "" {
		return a.commandList(w, q)
	}
	all := a.commandsOf()
	i := slices.IndexFunc(all, func(c command) bool { return c.name == name || slices.Contains(c.aliases, name) })
	switch {
	case i < 0:
		writeJSON(w, http.StatusOK, object{{"command", name}, {"error", "Unknown command: " + name}})
		return nil
	case a.m.Role() == memserver.NotServing && !slices.Contains(always, all[i].name):
		writeJSON(w, http.StatusOK, object{{"command", name}, {"error", "This ZooKeeper instance is not currently serving requests"}})
		return nil
	case all[i].since39 && q.Header.Get("Authorization") == "":
		writeJSON(w, http.StatusUnauthorized, object{{"command", name}, {"error", "Auth info is missing for the command"}})
		return nil
	case all[i].since39:
		writeJSON(w, http.StatusNotImplemented, object{{"command", all[i].name},
			{"error", "zksim does not have this command; there is " + insteadOf(all[i].name)}})
		return nil
	}
	answer, err := all[i].run(a, q)
	if err != nil {
		writeJSON(w, http.StatusOK, object{{"error", err.Error()}, {"command", all[i].name}})
		return nil
	}
	writeJSON(w, http.StatusOK, append(answer, field{"command", all[i].name}, field{"error", nil}))
	return nil
}

func insteadOf(command string) string {
	if command == "restore" {
		return "PUT /sim/v1/snapshot"
	}
	return "GET /sim/v1/snapshot"
}

func constant(o object) func(*admin, *http.Request) (object, error) {
	return func(*admin, *http.Request) (object, error) { return slices.Clone(o), nil }
}

// word returns a command that has a four-letter word do something.
func word(w string) func(*admin, *http.Request) (object, error) {
	return func(a *admin, _ *http.Request) (object, error) {
		a.m.FourLetterWord(w)
		return nil, nil
	}
}

// pairs are the lines "key<separator>value" that a four-letter word answers.
func (a *admin) pairs(word, separator string) (keys []string, values map[string]string) {
	answer, _ := a.m.FourLetterWord(word)
	values = make(map[string]string)
	for line := range strings.Lines(answer) {
		if key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), separator); ok {
			keys = append(keys, key)
			values[key] = value
		}
	}
	return keys, values
}

// monitored is what mntr tells, without the prefix of its names.
func (a *admin) monitored() (keys []string, values map[string]string) {
	full, prefixed := a.pairs("mntr", "\t")
	values = make(map[string]string)
	for _, key := range full {
		short := strings.TrimPrefix(key, "zk_")
		keys = append(keys, short)
		values[short] = prefixed[key]
	}
	return keys, values
}

func (a *admin) version() string {
	_, values := a.pairs("envi", "=")
	return values["zookeeper.version"]
}

// number is a value as JSON has it: a number if it looks like one.
func number(text string) any {
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		return json.RawMessage(text)
	}
	return text
}

func (a *admin) configuration(*http.Request) (object, error) {
	_, conf := a.pairs("conf", "=")
	return object{
		{"client_port", number(conf["clientPort"])},
		{"data_dir", conf["dataDir"]},
		{"data_log_dir", conf["dataLogDir"]},
		{"tick_time", number(conf["tickTime"])},
		{"max_client_cnxns", number(conf["maxClientCnxns"])},
		{"min_session_timeout", number(conf["minSessionTimeout"])},
		{"max_session_timeout", number(conf["maxSessionTimeout"])},
		{"server_id", number(conf["serverId"])},
		{"client_port_listen_backlog", number(conf["clientPortListenBacklog"])},
	}, nil
}

func (a *admin) connections(*http.Request) (object, error) {
	return a.connectionLists(false), nil
}

func (a *admin) connectionLists(brief bool) object {
	plain, secure := []object{}, []object{}
	for _, c := range a.m.Connections() {
		list := &plain
		if c.Secure {
			list = &secure
		}
		*list = append(*list, connectionInfo(c, brief))
	}
	return object{{"connections", plain}, {"secure_connections", secure}}
}

func connectionInfo(c memserver.Connection, brief bool) object {
	interest := 1
	if c.Command {
		interest = 0
	}
	info := object{
		{"remote_socket_address", c.RemoteAddr},
		{"interest_ops", interest},
		{"outstanding_requests", 0},
		{"packets_received", c.Received},
		{"packets_sent", c.Sent},
	}
	if brief {
		return info
	}
	return append(info, object{
		{"session_id", c.Session},
		{"last_operation", c.LastOp},
		{"established", c.Established.UnixMilli()},
		{"session_timeout", c.Timeout.Milliseconds()},
		{"last_cxid", c.LastCxid},
		{"last_zxid", c.LastZxid},
		{"last_response_time", c.LastResponse.UnixMilli()},
		{"last_latency", 0},
		{"min_latency", 0},
		{"avg_latency", 0},
		{"max_latency", 0},
	}...)
}

func (a *admin) dump(*http.Request) (object, error) {
	expiry, ephemerals := make(map[int64][]int64), make(map[int64][]string)
	role := a.m.Role()
	for _, x := range a.sim.Sessions() {
		// Only the leader knows when a session expires, unless it is a member's own.
		if x.Local == a.m.ID() || x.Local == 0 && (role == memserver.Leader || role == memserver.Standalone) {
			at := x.Expiry.UnixMilli()
			expiry[at] = append(expiry[at], x.ID)
		}
		if len(x.Ephemerals) > 0 {
			ephemerals[x.ID] = x.Ephemerals
		}
	}
	return object{
		{"expiry_time_to_session_ids", sorted(expiry)},
		{"session_id_to_ephemeral_paths", sorted(ephemerals)},
	}, nil
}

// sorted is a map in JSON, in the order of its keys.
func sorted[T any](m map[int64]T) object {
	o := object{}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		o = append(o, field{strconv.FormatInt(key, 10), m[key]})
	}
	return o
}

func (a *admin) environment(*http.Request) (object, error) {
	keys, values := a.pairs("envi", "=")
	var o object
	for _, key := range keys {
		o = append(o, field{key, values[key]})
	}
	return o, nil
}

// systemProperties are those of the environment: Go has no others.
func (a *admin) systemProperties(q *http.Request) (object, error) {
	o, err := a.environment(q)
	o = slices.DeleteFunc(o, func(f field) bool {
		return f.key == "zookeeper.version" || f.key == "host.name" || strings.HasPrefix(f.key, "os.memory.")
	})
	slices.SortFunc(o, func(a, b field) int { return strings.Compare(a.key, b.key) })
	return o, err
}

func (a *admin) initialConfiguration(*http.Request) (object, error) {
	if len(a.sim.Members()) > 1 {
		return object{{"initial_configuration", nil}}, nil
	}
	return object{{"initial_configuration", a.opts.Config}}, nil
}

func (a *admin) getTraceMask(*http.Request) (object, error) {
	mask, _ := a.m.FourLetterWord("gtmk")
	return object{{"tracemask", number(mask)}}, nil
}

func (a *admin) setTraceMask(q *http.Request) (object, error) {
	const name = "traceMask"
	given := q.URL.Query()
	if !given.Has(name) {
		return nil, fmt.Errorf("setTraceMask requires long traceMask argument")
	}
	mask, err := strconv.ParseInt(given.Get(name), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("setTraceMask requires long traceMask argument, got %s", given.Get(name))
	}
	a.m.FourLetterWord("stmk" + string(binary.BigEndian.AppendUint64(nil, uint64(mask))))
	return object{{"tracemask", mask}}, nil
}

func (a *admin) hash(*http.Request) (object, error) {
	list := []object{}
	answer, _ := a.m.FourLetterWord("hash")
	for line := range strings.Lines(answer) {
		zxid, digest, _ := strings.Cut(strings.TrimSpace(line), ": ")
		n, err := strconv.ParseUint(zxid, 16, 64)
		if err != nil {
			return nil, err
		}
		list = append(list, object{{"zxid", int64(n)}, {"digest", number(digest)}, {"digest_version", 2}})
	}
	return object{{"digests", list}}, nil
}

// lastSnapshot is the one that a real server takes when it starts.
func (a *admin) lastSnapshot(*http.Request) (object, error) {
	_, m := a.monitored()
	up, err := strconv.ParseInt(m["uptime"], 10, 64)
	return object{{"zxid", "0"}, {"timestamp", (a.sim.Now().UnixMilli() - up) / 1000}}, err
}

func (a *admin) monitor(*http.Request) (object, error) {
	keys, values := a.monitored()
	var o object
	for _, key := range keys {
		o = append(o, field{key, number(values[key])})
	}
	return o, nil
}

func (a *admin) serverStats(*http.Request) (object, error) {
	_, m := a.monitored()
	sizes := object{
		{"last_buffer_size", number(m["last_client_response_size"])},
		{"min_buffer_size", number(m["min_client_response_size"])},
		{"max_buffer_size", number(m["max_client_response_size"])},
	}
	stats := object{
		{"packets_sent", number(m["packets_sent"])},
		{"packets_received", number(m["packets_received"])},
		{"fsync_threshold_exceed_count", 0},
		{"client_response_stats", sizes},
		{"provider_null", false},
		{"data_dir_size", 0},
		{"log_dir_size", 0},
		{"last_processed_zxid", a.m.Zxid()},
		{"outstanding_requests", number(m["outstanding_requests"])},
		{"server_state", m["server_state"]},
		{"avg_latency", number(m["avg_latency"])},
		{"max_latency", number(m["max_latency"])},
		{"min_latency", number(m["min_latency"])},
		{"num_alive_client_connections", number(m["num_alive_connections"])},
		{"uptime", number(m["uptime"])},
		{"auth_failed_count", number(m["auth_failed_count"])},
		{"non_mtlsremote_conn_count", number(m["non_mtls_remote_conn_count"])},
		{"non_mtlslocal_conn_count", number(m["non_mtls_local_conn_count"])},
	}
	o := object{
		{"version", m["version"]},
		{"read_only", a.m.Role() == memserver.ReadOnly},
		{"server_stats", stats},
		{"client_response", sizes},
		{"node_count", number(m["znode_count"])},
	}
	if a.m.Role() == memserver.Leader {
		o = append(o, field{"proposal_stats", object{
			{"last_buffer_size", number(m["last_proposal_size"])},
			{"min_buffer_size", number(m["min_proposal_size"])},
			{"max_buffer_size", number(m["max_proposal_size"])},
		}})
	}
	return o, nil
}

func (a *admin) stats(q *http.Request) (object, error) {
	o, err := a.serverStats(q)
	return append(o, a.connectionLists(true)...), err
}

func (a *admin) watchSummary(*http.Request) (object, error) {
	answer, _ := a.m.FourLetterWord("wchs")
	var connections, paths, total int
	_, err := fmt.Sscanf(answer, "%d connections watching %d paths\nTotal watches:%d\n", &connections, &paths, &total)
	return object{{"num_connections", connections}, {"num_paths", paths}, {"num_total_watches", total}}, err
}

// groups are what a word answers in lines with lines of their own, which begin with a tab.
func (a *admin) groups(word string) (heads []string, lines map[string][]string) {
	answer, _ := a.m.FourLetterWord(word)
	lines = make(map[string][]string)
	head := ""
	for line := range strings.Lines(answer) {
		line = strings.TrimSuffix(line, "\n")
		if item, ok := strings.CutPrefix(line, "\t"); ok {
			lines[head] = append(lines[head], item)
		} else if line != "" {
			head = line
			heads = append(heads, head)
		}
	}
	return heads, lines
}

func (a *admin) watchesBySession(*http.Request) (object, error) {
	bySession := make(map[int64][]string)
	ids, paths := a.groups("wchc")
	for _, text := range ids {
		id, err := strconv.ParseUint(strings.TrimPrefix(text, "0x"), 16, 64)
		if err != nil {
			return nil, err
		}
		bySession[int64(id)] = paths[text]
	}
	return object{{"session_id_to_watched_paths", sorted(bySession)}}, nil
}

func (a *admin) watchesByPath(*http.Request) (object, error) {
	byPath := object{}
	paths, ids := a.groups("wchp")
	for _, path := range paths {
		list := []int64{}
		for _, text := range ids[path] {
			id, err := strconv.ParseUint(strings.TrimPrefix(text, "0x"), 16, 64)
			if err != nil {
				return nil, err
			}
			list = append(list, int64(id))
		}
		byPath = append(byPath, field{path, list})
	}
	return object{{"path_to_session_ids", byPath}}, nil
}

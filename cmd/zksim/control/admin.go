package control

import (
	"bytes"
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

// command is one of ZooKeeper's own commands. An error of its own goes into the answer.
type command struct {
	name    string
	aliases []string
	run     func(s *Server, q *http.Request) (object, error)
	since39 bool // and needs credentials
}

func commands() []command {
	return []command{
		{"configuration", []string{"conf", "config"}, (*Server).configuration, false},
		{"connection_stat_reset", []string{"crst"}, word("crst"), false},
		{"connections", []string{"cons"}, (*Server).connections, false},
		{"dirs", nil, constant(object{{"datadir_size", 0}, {"logdir_size", 0}}), false},
		{"dump", nil, (*Server).dump, false},
		{"environment", []string{"env", "envi"}, (*Server).environment, false},
		{"get_trace_mask", []string{"gtmk"}, (*Server).getTraceMask, false},
		{"hash", nil, (*Server).hash, false},
		{"initial_configuration", []string{"icfg"}, (*Server).initialConfiguration, false},
		{"is_read_only", []string{"isro"}, constant(object{{"read_only", false}}), false},
		{"last_snapshot", []string{"lsnp"}, (*Server).lastSnapshot, false},
		{"leader", []string{"lead"}, failure("server is not initialized"), false},
		{"monitor", []string{"mntr"}, (*Server).monitor, false},
		{"observer_connection_stat_reset", []string{"orst"}, constant(nil), false},
		{"observers", []string{"obsr"}, constant(object{{"synced_observers", 0}, {"observers", []string{}}}), false},
		{"restore", []string{"rest"}, nil, true},
		{"ruok", nil, constant(nil), false},
		{"server_stats", []string{"srvr"}, (*Server).serverStats, false},
		{"set_trace_mask", []string{"stmk"}, (*Server).setTraceMask, false},
		{"snapshot", []string{"snap"}, nil, true},
		{"stat_reset", []string{"srst"}, word("srst"), false},
		{"stats", []string{"stat"}, (*Server).stats, false},
		{"system_properties", []string{"sysp"}, (*Server).systemProperties, false},
		{"voting_view", nil, constant(object{{"current_config", object{}}}), false},
		{"watch_summary", []string{"wchs"}, (*Server).watchSummary, false},
		{"watches", []string{"wchc"}, (*Server).watchesBySession, false},
		{"watches_by_path", []string{"wchp"}, (*Server).watchesByPath, false},
		{"zabstate", nil, constant(object{{"voting", false}, {"zabstate", ""}}), false},
	}
}

// commandsOf are the commands of the version that the server behaves as.
func (s *Server) commandsOf() []command {
	old := strings.HasPrefix(s.version(), "3.8")
	return slices.DeleteFunc(commands(), func(c command) bool { return c.since39 && old })
}

// commandList is a page of links.
func (s *Server) commandList(w http.ResponseWriter, q *http.Request) *refusal {
	for _, c := range s.commandsOf() {
		fmt.Fprintf(w, "<a href=\"/commands/%s\">%s</a>\n<br/>\n", c.name, c.name)
	}
	return nil
}

// command runs one of them. What it has to say against a request is in the
// field error of a success: so ZooKeeper does it.
func (s *Server) command(w http.ResponseWriter, q *http.Request) *refusal {
	name := q.PathValue("name")
	if name == "" {
		return s.commandList(w, q)
	}
	all := s.commandsOf()
	i := slices.IndexFunc(all, func(c command) bool { return c.name == name || slices.Contains(c.aliases, name) })
	switch {
	case i < 0:
		writeJSON(w, http.StatusOK, object{{"command", name}, {"error", "Unknown command: " + name}})
		return nil
	case all[i].since39 && q.Header.Get("Authorization") == "":
		writeJSON(w, http.StatusUnauthorized, object{{"command", name}, {"error", "Auth info is missing for the command"}})
		return nil
	case all[i].since39:
		writeJSON(w, http.StatusNotImplemented, object{{"command", all[i].name},
			{"error", "zksim does not have this command; there is " + s.insteadOf(all[i].name)}})
		return nil
	}
	answer, err := all[i].run(s, q)
	if err != nil {
		writeJSON(w, http.StatusOK, object{{"error", err.Error()}, {"command", all[i].name}})
		return nil
	}
	writeJSON(w, http.StatusOK, append(answer, field{"command", all[i].name}, field{"error", nil}))
	return nil
}

func (s *Server) insteadOf(command string) string {
	if command == "restore" {
		return "PUT /sim/v1/snapshot"
	}
	return "GET /sim/v1/snapshot"
}

func constant(o object) func(*Server, *http.Request) (object, error) {
	return func(*Server, *http.Request) (object, error) { return slices.Clone(o), nil }
}

func failure(text string) func(*Server, *http.Request) (object, error) {
	return func(*Server, *http.Request) (object, error) { return nil, fmt.Errorf("%s", text) }
}

// word returns a command that has a four-letter word do something.
func word(w string) func(*Server, *http.Request) (object, error) {
	return func(s *Server, _ *http.Request) (object, error) {
		s.sim.FourLetterWord(w)
		return nil, nil
	}
}

// pairs are the lines "key<separator>value" that a four-letter word answers.
func (s *Server) pairs(word, separator string) (keys []string, values map[string]string) {
	answer, _ := s.sim.FourLetterWord(word)
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
func (s *Server) monitored() (keys []string, values map[string]string) {
	full, prefixed := s.pairs("mntr", "\t")
	values = make(map[string]string)
	for _, key := range full {
		short := strings.TrimPrefix(key, "zk_")
		keys = append(keys, short)
		values[short] = prefixed[key]
	}
	return keys, values
}

func (s *Server) version() string {
	_, values := s.monitored()
	return values["version"]
}

// number is a value as JSON has it: a number if it looks like one.
func number(text string) any {
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		return json.RawMessage(text)
	}
	return text
}

func (s *Server) configuration(*http.Request) (object, error) {
	_, conf := s.pairs("conf", "=")
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

func (s *Server) connections(*http.Request) (object, error) {
	return s.connectionLists(false), nil
}

func (s *Server) connectionLists(brief bool) object {
	plain, secure := []object{}, []object{}
	for _, c := range s.sim.Connections() {
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

func (s *Server) dump(*http.Request) (object, error) {
	expiry, ephemerals := make(map[int64][]int64), make(map[int64][]string)
	for _, x := range s.sim.Sessions() {
		at := x.Expiry.UnixMilli()
		expiry[at] = append(expiry[at], x.ID)
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

func (s *Server) environment(*http.Request) (object, error) {
	keys, values := s.pairs("envi", "=")
	var o object
	for _, key := range keys {
		o = append(o, field{key, values[key]})
	}
	return o, nil
}

// systemProperties are those of the environment: Go has no others.
func (s *Server) systemProperties(q *http.Request) (object, error) {
	o, err := s.environment(q)
	o = slices.DeleteFunc(o, func(f field) bool {
		return f.key == "zookeeper.version" || f.key == "host.name" || strings.HasPrefix(f.key, "os.memory.")
	})
	slices.SortFunc(o, func(a, b field) int { return strings.Compare(a.key, b.key) })
	return o, err
}

func (s *Server) initialConfiguration(*http.Request) (object, error) {
	return object{{"initial_configuration", s.opts.Config}}, nil
}

func (s *Server) getTraceMask(*http.Request) (object, error) {
	mask, _ := s.sim.FourLetterWord("gtmk")
	return object{{"tracemask", number(mask)}}, nil
}

func (s *Server) setTraceMask(q *http.Request) (object, error) {
	const name = "traceMask"
	given := q.URL.Query()
	if !given.Has(name) {
		return nil, fmt.Errorf("setTraceMask requires long traceMask argument")
	}
	mask, err := strconv.ParseInt(given.Get(name), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("setTraceMask requires long traceMask argument, got %s", given.Get(name))
	}
	s.sim.FourLetterWord("stmk" + string(binary.BigEndian.AppendUint64(nil, uint64(mask))))
	return object{{"tracemask", mask}}, nil
}

func (s *Server) hash(*http.Request) (object, error) {
	list := []object{}
	answer, _ := s.sim.FourLetterWord("hash")
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
func (s *Server) lastSnapshot(*http.Request) (object, error) {
	_, m := s.monitored()
	up, err := strconv.ParseInt(m["uptime"], 10, 64)
	return object{{"zxid", "0"}, {"timestamp", (s.sim.Now().UnixMilli() - up) / 1000}}, err
}

func (s *Server) monitor(*http.Request) (object, error) {
	keys, values := s.monitored()
	var o object
	for _, key := range keys {
		o = append(o, field{key, number(values[key])})
	}
	return o, nil
}

func (s *Server) serverStats(*http.Request) (object, error) {
	_, m := s.monitored()
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
		{"last_processed_zxid", s.sim.Zxid()},
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
	return object{
		{"version", m["version"]},
		{"read_only", false},
		{"server_stats", stats},
		{"client_response", sizes},
		{"node_count", number(m["znode_count"])},
	}, nil
}

func (s *Server) stats(q *http.Request) (object, error) {
	o, err := s.serverStats(q)
	return append(o, s.connectionLists(true)...), err
}

func (s *Server) watchSummary(*http.Request) (object, error) {
	answer, _ := s.sim.FourLetterWord("wchs")
	var connections, paths, total int
	_, err := fmt.Sscanf(answer, "%d connections watching %d paths\nTotal watches:%d\n", &connections, &paths, &total)
	return object{{"num_connections", connections}, {"num_paths", paths}, {"num_total_watches", total}}, err
}

func (s *Server) watchesBySession(*http.Request) (object, error) {
	bySession := make(map[int64][]string)
	for _, w := range s.sim.Watches() {
		if !w.Child {
			bySession[w.Session] = append(bySession[w.Session], w.Path)
		}
	}
	return object{{"session_id_to_watched_paths", sorted(bySession)}}, nil
}

func (s *Server) watchesByPath(*http.Request) (object, error) {
	byPath := object{}
	for _, w := range s.sim.Watches() { // in the order of their paths
		if w.Child {
			continue
		}
		if n := len(byPath); n > 0 && byPath[n-1].key == w.Path {
			byPath[n-1].value = append(byPath[n-1].value.([]int64), w.Session)
			continue
		}
		byPath = append(byPath, field{w.Path, []int64{w.Session}})
	}
	return object{{"path_to_session_ids", byPath}}, nil
}

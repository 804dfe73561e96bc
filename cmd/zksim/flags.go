package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/zksim/zksim/faults"
	"github.com/zksim/zksim/memserver"
)

// flags are all flags and, with other names, all environment variables.
var flags = []struct {
	name string
	set  func(o *options, value string) error // nil: parse and apply know it
}{
	{"config", nil},
	{"set", nil},
	{"listen", setListen},
	{"members", setMembers},
	{"observers", members(func(c *memserver.Config) *[]int { return &c.Observers })},
	{"joiners", members(func(c *memserver.Config) *[]int { return &c.Joiners })},
	{"election-time", setElectionTime},
	{"http", setHTTP},
	{"http-token", setHTTPToken},
	{"tick-time", milliseconds("tickTime")},
	{"min-session-timeout", milliseconds("minSessionTimeout")},
	{"max-session-timeout", milliseconds("maxSessionTimeout")},
	{"compat", setCompat},
	{"seed", setSeed},
	{"tls-listen", setTLSListen},
	{"tls-cert", setTLSCert},
	{"tls-key", setTLSKey},
	{"tls-ca", setTLSCA},
	{"sasl-user", setSASLUser},
	{"load", setLoad},
	{"save", setSave},
	{"faults", setFaults},
}

// source is a place that options come from.
type source struct {
	values map[string][]string      // by name of the flag
	label  func(name string) string // what the user calls it
}

func readFlags(args []string) (source, error) {
	s := source{make(map[string][]string), func(name string) string { return "--" + name }}
	set := flag.NewFlagSet("zksim", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	for _, f := range flags {
		set.Func(f.name, "", func(value string) error {
			s.values[f.name] = append(s.values[f.name], value)
			return nil
		})
	}
	if err := set.Parse(args); err != nil {
		return s, flagError(err)
	}
	if set.NArg() > 0 {
		return s, fmt.Errorf("unexpected argument %q; see zksim --help", set.Arg(0))
	}
	return s, nil
}

// flagError says what package flag says in the words of the rest.
func flagError(err error) error {
	text := err.Error()
	if name, ok := strings.CutPrefix(text, "flag provided but not defined: -"); ok {
		return fmt.Errorf("unknown flag --%s; see zksim --help", name)
	}
	if name, ok := strings.CutPrefix(text, "flag needs an argument: -"); ok {
		return fmt.Errorf("--%s needs a value; see zksim --help", name)
	}
	return err
}

func envName(flag string) string {
	return "ZKSIM_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// readEnv reads the environment. A variable that is empty counts as not set.
func readEnv(env []string) source {
	s := source{make(map[string][]string), envName}
	for _, f := range flags {
		for _, entry := range env {
			value, ok := strings.CutPrefix(entry, envName(f.name)+"=")
			switch {
			case !ok || value == "":
			case f.name == "set" || f.name == "sasl-user":
				s.values[f.name] = splitSettings(value)
			default:
				s.values[f.name] = []string{value}
			}
		}
	}
	return s
}

// splitSettings splits at newlines if there are any, else at semicolons.
func splitSettings(text string) []string {
	separator := ";"
	if strings.Contains(text, "\n") {
		separator = "\n"
	}
	var pairs []string
	for pair := range strings.SplitSeq(text, separator) {
		if pair = strings.TrimSpace(pair); pair != "" {
			pairs = append(pairs, pair)
		}
	}
	return pairs
}

func setListen(o *options, value string) error {
	if !isHostPort(value) {
		return errors.New("want HOST:PORT, such as 127.0.0.1:2181")
	}
	o.listen = value
	return nil
}

func isHostPort(value string) bool {
	_, port, err := net.SplitHostPort(value)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	return err == nil
}

func setHTTP(o *options, value string) error {
	if value != "off" && !isHostPort(value) {
		return errors.New("want HOST:PORT, such as 127.0.0.1:8080, or off")
	}
	o.http, o.httpAsked = value, true
	return nil
}

func setHTTPToken(o *options, value string) error {
	if value == "" || strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("want a token without spaces, of printable ASCII characters")
	}
	o.httpToken = value
	return nil
}

// milliseconds returns the setter of a flag for one of ZooKeeper's own settings.
func milliseconds(key string) func(*options, string) error {
	return func(o *options, value string) error {
		if n, err := strconv.ParseInt(value, 10, 32); err != nil || n < 1 {
			return errors.New("want milliseconds, 1 or more")
		}
		return o.config.Set(key, value)
	}
}

func setCompat(o *options, value string) error {
	switch p := memserver.Profile(value); p {
	case memserver.V38, memserver.V39:
		o.config.Profile = p
		return nil
	}
	return fmt.Errorf("want %s or %s", memserver.V38, memserver.V39)
}

// setFaults reads a plan for package faults.
func setFaults(o *options, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return pathReason(err)
	}
	o.faults, err = faults.Parse(string(text))
	if syntax, ok := errors.AsType[*faults.SyntaxError](err); ok {
		return fmt.Errorf("line %d, column %d: %s", syntax.Line, syntax.Column, syntax.Reason)
	}
	return err
}

func setSASLUser(o *options, value string) error {
	user, password, ok := strings.Cut(value, ":")
	if !ok || user == "" || password == "" {
		return errors.New("want USER:PASSWORD")
	}
	if o.config.SASLUsers == nil {
		o.config.SASLUsers = make(map[string]string)
	}
	o.config.SASLUsers[user] = password
	return nil
}

func setMembers(o *options, value string) error {
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 || n > 254 {
		return errors.New("want a number from 1 to 254")
	}
	o.config.Members = n
	return nil
}

// members returns the setter of a list of members.
func members(field func(*memserver.Config) *[]int) func(*options, string) error {
	return func(o *options, value string) error {
		var list []int
		for id := range strings.SplitSeq(value, ",") {
			n, err := strconv.Atoi(strings.TrimSpace(id))
			if err != nil || n < 1 || n > 254 {
				return errors.New("want numbers of members, such as 4,5")
			}
			list = append(list, n)
		}
		*field(&o.config) = list
		return nil
	}
}

func setElectionTime(o *options, value string) error {
	n, err := strconv.ParseInt(value, 10, 32)
	if err != nil || n < 0 {
		return errors.New("want milliseconds, 0 or more")
	}
	o.config.ElectionTime = time.Duration(n) * time.Millisecond
	return nil
}

func setSeed(o *options, value string) error {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return errors.New("want a whole number")
	}
	o.config.Seed = n
	return nil
}

func setLoad(o *options, value string) error {
	file, err := os.Open(value)
	if err != nil {
		return pathReason(err)
	}
	defer file.Close()
	o.config.From, err = memserver.ReadSnapshot(file)
	if err != nil {
		return errors.New(strings.TrimPrefix(pathReason(err).Error(), "memserver: snapshot: "))
	}
	return nil
}

// setSave makes sure that there is a place for the file before a server has
// anything to lose.
func setSave(o *options, value string) error {
	if info, err := os.Stat(value); err == nil && info.IsDir() {
		return errors.New("is a directory")
	}
	probe, err := os.CreateTemp(filepath.Dir(value), ".zksim-")
	if err != nil {
		return pathReason(err)
	}
	probe.Close()
	o.save = value
	return os.Remove(probe.Name())
}

// pathReason is an error about a file without its name, which stands before it.
func pathReason(err error) error {
	if pathErr, ok := errors.AsType[*os.PathError](err); ok {
		return pathErr.Err
	}
	return err
}

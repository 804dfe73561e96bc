package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/zksim/zksim/faults"
	"github.com/zksim/zksim/memserver"
)

// options is what zksim has been told, by all sources together.
type options struct {
	listen  string
	http    string // an address or off
	config  memserver.Config
	faults  *faults.Plan // nil without
	unknown []string     // settings that ZooKeeper does not have
	secure  bool         // secureClientPort is set
	tls     tlsOptions

	httpToken string // "" if none is asked for
	httpAsked bool   // http is not just the default

	configText string // of the configuration file
	save       string // where the state goes at the end; "" for nowhere

	clientPort, clientPortAddress string // ZooKeeper's way to say listen
	moved                         bool   // one of them is newer than listen
}

func defaults() *options {
	return &options{
		listen: "127.0.0.1:2181",
		tls:    tlsOptions{auth: clientAuths["need"]},
		http:   "127.0.0.1:8080",
		config: memserver.Config{TickTime: 2 * time.Second, MaxClientCnxns: 60},
	}
}

// parse puts together the defaults, the configuration file, the environment
// and the flags; each has the last word over those before.
func parse(args, env []string) (*options, error) {
	fromFlags, err := readFlags(args)
	if err != nil {
		return nil, err
	}
	fromEnv := readEnv(env)
	o := defaults()
	if name, value, ok := configFile(fromFlags, fromEnv); ok {
		if err := o.applyFile(value); err != nil {
			return nil, fmt.Errorf("%s %w", name, err)
		}
	}
	for _, source := range []source{fromEnv, fromFlags} {
		if err := o.apply(source); err != nil {
			return nil, err
		}
	}
	switch {
	case o.clientPortAddress != "" && o.clientPort == "":
		return nil, errors.New("clientPortAddress is set, but clientPort is not")
	case o.config.TickTime == 0:
		return nil, errors.New("tickTime has to be 1 or more")
	}
	if o.config.TLS, err = o.tls.config(); err != nil {
		return nil, err
	}
	return o, nil
}

// configFile tells which file to read, and who says so.
func configFile(sources ...source) (name, path string, ok bool) {
	for _, s := range sources {
		if values := s.values["config"]; len(values) > 0 {
			return s.label("config"), values[len(values)-1], true
		}
	}
	return "", "", false
}

// applyFile takes the settings of a zoo.cfg.
func (o *options) applyFile(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("%s: %w", path, pathReason(err))
	}
	o.configText = string(text)
	properties, err := parseProperties(text)
	if err != nil {
		return fmt.Errorf("%s:%w", path, err)
	}
	for _, p := range properties {
		if err := o.set(p.key, p.value); err != nil {
			return fmt.Errorf("%s:%d: %w", path, p.line, err)
		}
	}
	o.takeClientPort()
	return nil
}

// apply takes what the environment or the flags say. ZooKeeper's own settings
// come first: among equals, zksim's flag for the same thing wins.
func (o *options) apply(from source) error {
	for _, pair := range from.values["set"] {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return fmt.Errorf("%s %s: want KEY=VALUE", from.label("set"), pair)
		}
		if err := o.set(key, value); err != nil {
			return fmt.Errorf("%s %w", from.label("set"), err)
		}
	}
	o.takeClientPort()
	for _, f := range flags {
		for _, value := range from.values[f.name] {
			if f.set == nil {
				continue
			}
			if err := f.set(o, value); err != nil {
				if f.name == "http-token" || f.name == "sasl-user" {
					value = "..." // a secret
				}
				return fmt.Errorf("%s %s: %w", from.label(f.name), value, err)
			}
		}
	}
	return nil
}

// set takes one of ZooKeeper's own settings.
func (o *options) set(key, value string) error {
	key, value = strings.TrimSpace(key), strings.TrimSpace(value)
	switch key {
	case "clientPort":
		if _, err := strconv.ParseUint(value, 10, 16); err != nil {
			return fmt.Errorf("%s=%s: want a port", key, value)
		}
		o.clientPort, o.moved = value, true
	case "clientPortAddress":
		o.clientPortAddress, o.moved = value, true
	case "secureClientPort":
		o.secure = true
	case "ssl.clientAuth", "zookeeper.ssl.clientAuth":
		auth, ok := clientAuths[strings.ToLower(value)]
		if !ok {
			return fmt.Errorf("%s=%s: want need, want or none", key, value)
		}
		o.tls.auth = auth
	}
	err := o.config.Set(key, value)
	if _, ok := errors.AsType[*memserver.UnknownSettingError](err); ok {
		if name := printable(key); !slices.Contains(o.unknown, name) {
			o.unknown = append(o.unknown, name)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s=%s: %w", key, value, reason(err))
	}
	return nil
}

// takeClientPort listens where clientPort and clientPortAddress say, as
// ZooKeeper does: without an address, on all of them.
func (o *options) takeClientPort() {
	if o.moved && o.clientPort != "" {
		o.listen = net.JoinHostPort(o.clientPortAddress, o.clientPort)
	}
	o.moved = false
}

// printable quotes a name that would be hard to see in a list of names.
func printable(name string) string {
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r == ',' || r <= ' ' || !unicode.IsPrint(r) }) {
		return strconv.Quote(name)
	}
	return name
}

// reason is the part of an error of Config.Set that does not repeat the setting.
func reason(err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		return inner
	}
	return plain(err)
}

// plain is an error of package memserver for people who do not know of packages.
func plain(err error) error {
	return errors.New(strings.TrimPrefix(err.Error(), "memserver: "))
}

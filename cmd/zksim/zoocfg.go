package main

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf16"
)

// property is an entry of a Java properties file, such as zoo.cfg.
type property struct {
	line       int // where it starts, from 1
	key, value string
}

// parseProperties reads a file as Java's Properties.load does, on which
// ZooKeeper relies: bytes are Latin-1, a backslash at the end of a line goes on
// with the next, and of a key that comes twice the last value counts.
// The error starts with the number of the line. One thing is not as there: of
// a last line that is nothing but a backslash Java makes an empty key.
func parseProperties(text []byte) ([]property, error) {
	var all []property
	index := make(map[string]int)
	for l := (lines{rest: text}); l.next(); {
		rawKey, rawValue := splitProperty(l.logical)
		key, err := unescape(rawKey)
		if err != nil {
			return nil, fmt.Errorf("%d: %w", l.first, err)
		}
		value, err := unescape(rawValue)
		if err != nil {
			return nil, fmt.Errorf("%d: %w", l.first, err)
		}
		p := property{l.first, key, value}
		if i, ok := index[key]; ok {
			all[i] = p
			continue
		}
		index[key] = len(all)
		all = append(all, p)
	}
	return all, nil
}

// lines goes through the logical lines: those that are neither blank nor a
// comment, joined where a line ends in a backslash.
type lines struct {
	rest    []byte
	number  int    // of natural lines so far
	first   int    // where logical starts
	logical []byte // without the blanks in front
}

const blanks = " \t\f"

// next moves to the next logical line, and tells whether there is one.
func (l *lines) next() bool {
	l.logical = nil
	for len(l.rest) > 0 {
		line := bytes.TrimLeft(l.natural(), blanks)
		if len(l.logical) == 0 {
			if len(line) == 0 || line[0] == '#' || line[0] == '!' {
				continue
			}
			l.first = l.number
		}
		if !continues(line) {
			l.logical = append(l.logical, line...)
			return true
		}
		l.logical = append(l.logical, line[:len(line)-1]...)
	}
	return len(l.logical) > 0
}

// natural takes a line as an editor shows it, which ends in \n, \r or \r\n.
func (l *lines) natural() []byte {
	l.number++
	end := bytes.IndexAny(l.rest, "\r\n")
	if end < 0 {
		line := l.rest
		l.rest = nil
		return line
	}
	line := l.rest[:end]
	if bytes.HasPrefix(l.rest[end:], []byte("\r\n")) {
		end++
	}
	l.rest = l.rest[end+1:]
	return line
}

// continues tells whether a line ends in a backslash that no other one escapes.
func continues(line []byte) bool {
	return (len(line)-len(bytes.TrimRight(line, `\`)))%2 == 1
}

// splitProperty finds the first blank, = or : without a backslash before it.
// Blanks around that, and one = or : after blanks, belong to neither side.
func splitProperty(line []byte) (key, value []byte) {
	end := 0
	for end < len(line) && bytes.IndexByte([]byte(blanks+"=:"), line[end]) < 0 {
		if line[end] == '\\' {
			end++
		}
		end++
	}
	end = min(end, len(line))
	value = bytes.TrimLeft(line[end:], blanks)
	if len(value) > 0 && (value[0] == '=' || value[0] == ':') {
		value = bytes.TrimLeft(value[1:], blanks)
	}
	return line[:end], value
}

// unescape resolves \t, \n, \r, \f and \uXXXX; any other escaped character is itself.
func unescape(raw []byte) (string, error) {
	units := make([]uint16, 0, len(raw)) // Java's strings are UTF-16, and so are its escapes
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c != '\\' || i+1 == len(raw) {
			units = append(units, uint16(c))
			continue
		}
		i++
		switch c = raw[i]; c {
		case 't':
			c = '\t'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 'f':
			c = '\f'
		case 'u':
			hex := raw[i+1 : min(i+5, len(raw))]
			unit, err := strconv.ParseUint(string(hex), 16, 16)
			if err != nil || len(hex) < 4 {
				return "", errors.New(`want four hexadecimal digits after \u`)
			}
			units = append(units, uint16(unit))
			i += 4
			continue
		}
		units = append(units, uint16(c))
	}
	return string(utf16.Decode(units)), nil
}

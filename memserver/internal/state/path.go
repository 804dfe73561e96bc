package state

import (
	"strings"
)

// validPath is ZooKeeper's check of the paths of writes. Reads do not check:
// they look for the string they are given.
func validPath(p string) bool {
	if p == "/" {
		return true
	}
	if len(p) == 0 || p[0] != '/' { // which a null path is not either
		return false
	}
	for rest, more := p[1:], true; more; {
		var name string
		if name, rest, more = cutSlash(rest); !validName(name) {
			return false
		}
	}
	return true
}

// validName is the same for one element of a path.
func validName(name string) bool {
	if name == "" || name == "." || name == ".." {
		return false
	}
	for i := 0; i < len(name); i++ {
		if c := name[i]; c < 0x20 || c >= 0x7f {
			return validRunes(name)
		}
	}
	return true
}

// validRunes repeats ZooKeeper's list, which was made for UTF-16: what lies
// outside the basic plane consists of surrogates there, and those are forbidden.
func validRunes(p string) bool {
	for _, c := range p {
		switch {
		case c <= 0x1f, c >= 0x7f && c <= 0x9f, c >= 0xd800 && c <= 0xf8ff, c >= 0xfff0:
			return false
		}
	}
	return true
}

// creatable is the first check of create: enough to have a parent.
func creatable(p string) bool {
	return strings.IndexByte(p, '/') >= 0 && strings.IndexByte(p, 0) < 0
}

// deletable is the check of delete.
func deletable(p string) bool {
	switch p {
	case "/", "/zookeeper", quotaRoot, configPath:
		return false
	}
	return creatable(p)
}

// utf16Len is the length of a string as Java counts it.
func utf16Len(s string) int {
	n := len(s)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c < 0x80:
		case c < 0xc0: // within a character
			n--
		case c >= 0xf0: // two units
			n++
		}
	}
	return n
}

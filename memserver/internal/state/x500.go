package state

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
)

// validX500 tells whether Java takes an id of scheme x509 for the name of a
// certificate: KEY=VALUE, joined with + and with commas or semicolons.
func validX500(name string) bool {
	for name != "" {
		key, rest, ok := strings.Cut(name, "=")
		if !ok || !x500Key(strings.TrimSpace(key)) {
			return false
		}
		if rest, ok = x500Value(strings.TrimLeft(rest, " \n")); !ok {
			return false
		}
		if rest == "" {
			return true
		}
		if name = rest[1:]; name == "" {
			return false // something is to follow
		}
	}
	return true
}

var x500Keys = strings.Fields("CN C L S ST O OU T IP STREET DC DNQUALIFIER DNQ SURNAME GIVENNAME INITIALS " +
	"GENERATION EMAIL EMAILADDRESS UID SERIALNUMBER")

// x500Key tells whether a key is one that Java knows, or the number of one.
func x500Key(key string) bool {
	key = strings.ToUpper(key)
	if slices.Contains(x500Keys, key) {
		return true
	}
	arcs := strings.Split(strings.TrimPrefix(key, "OID."), ".")
	for i, arc := range arcs {
		n, err := strconv.ParseUint(arc, 10, 31)
		if err != nil || i == 0 && n > 2 || i == 1 && arcs[0] < "2" && n > 39 {
			return false
		}
	}
	return len(arcs) > 1
}

// x500Value reads a value up to the separator behind it.
func x500Value(text string) (rest string, ok bool) {
	if strings.HasPrefix(text, `"`) {
		end := 1
		for ; end < len(text) && text[end] != '"'; end++ {
			if text[end] == '\\' {
				end++
			}
		}
		if end >= len(text) {
			return "", false
		}
		rest = strings.TrimLeft(text[end+1:], " \n")
		return rest, rest == "" || strings.IndexByte(",;+", rest[0]) >= 0
	}
	end := 0
	for ; end < len(text) && strings.IndexByte(",;+", text[end]) < 0; end++ {
		switch text[end] {
		case '"', '<', '>':
			return "", false
		case '\\':
			n := x500Escape(text[end+1:])
			if n == 0 {
				return "", false
			}
			end += n
		}
	}
	if digits, isHex := strings.CutPrefix(text[:end], "#"); isHex {
		der, err := hex.DecodeString(strings.TrimRight(digits, " \n"))
		return text[end:], err == nil && len(der) > 1 && int(der[1]) == len(der)-2
	}
	return text[end:], true
}

// x500Escape is the length of what stands behind a \, 0 if that makes no sense.
func x500Escape(text string) int {
	switch {
	case text == "":
		return 0
	case strings.IndexByte(",=\n+<>#;\\\" ", text[0]) >= 0:
		return 1
	}
	if _, err := hex.DecodeString(text[:min(2, len(text))]); err == nil {
		return 2
	}
	return 0
}

package memserver

import (
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"

	"github.com/zksim/zksim/zkapi/wire"
)

// x500Name prints the subject of a certificate as Java does, by RFC 2253, since
// that is what ACLs name: the last part first, short names for the few that the
// RFC has, numbers for all others.
func x500Name(der []byte) string {
	var name []asn1.RawValue // one set each
	if _, err := asn1.Unmarshal(der, &name); err != nil {
		return ""
	}
	parts := make([]string, 0, len(name))
	for _, set := range name {
		var attributes []string
		for rest := set.Bytes; len(rest) > 0; {
			var a attribute
			var err error
			if rest, err = asn1.Unmarshal(rest, &a); err != nil {
				return ""
			}
			attributes = append(attributes, a.String())
		}
		parts = append(parts, strings.Join(attributes, "+"))
	}
	slices.Reverse(parts)
	return strings.Join(parts, ",")
}

// attribute is one part of a name.
type attribute struct {
	Type  asn1.ObjectIdentifier
	Value asn1.RawValue
}

// attributeNames are those that have one in RFC 2253.
var attributeNames = map[string]string{
	"2.5.4.3": "CN", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.9": "STREET",
	"2.5.4.10": "O", "2.5.4.11": "OU",
	"0.9.2342.19200300.100.1.25": "DC", "0.9.2342.19200300.100.1.1": "UID",
}

func (a attribute) String() string {
	text, ok := derText(a.Value)
	if name, known := attributeNames[a.Type.String()]; known && ok {
		return name + "=" + escaped(text)
	}
	return fmt.Sprintf("%s=#%x", a.Type, a.Value.FullBytes)
}

// derText is a string of one of the kinds that Java prints as such, all of which
// it takes for UTF-8.
func derText(v asn1.RawValue) (text string, ok bool) {
	const generalString, universalString = 27, 28
	switch {
	case v.Class != asn1.ClassUniversal:
		return "", false
	case slices.Contains([]int{asn1.TagUTF8String, asn1.TagPrintableString, asn1.TagIA5String, asn1.TagT61String,
		asn1.TagBMPString, generalString, universalString}, v.Tag):
		return wire.RepairUTF8(v.Bytes), true
	}
	return "", false
}

// escaped puts a \ before what the RFC wants it for.
func escaped(text string) string {
	var b strings.Builder
	last := len(strings.TrimRight(text, " \r"))
	first := len(text) - len(strings.TrimLeft(text, " \r"))
	for i, c := range text {
		switch {
		case c == 0:
			b.WriteString(`\00`)
			continue
		case strings.ContainsRune(`,=+<>#;"\`, c), i < first, i >= last:
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	return b.String()
}

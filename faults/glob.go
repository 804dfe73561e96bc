package faults

import "strings"

// A glob is what a rule says of a path. * stands for any part of a name, also
// an empty one, ** for any part of a path, slashes included; /**/ for a slash,
// too. A \ takes the next character as it is.
type glob struct {
	prefix string // before the first wildcard
	rest   []token
}

// token is a literal or a wildcard.
type token struct {
	literal string
	star    bool // *
	tree    bool // **
	folders bool // **/ after a slash: whole folders, or nothing
}

func newGlob(text string) (g glob) {
	var tokens []token
	var literal strings.Builder
	wild := func(t token) {
		if literal.Len() > 0 {
			tokens = append(tokens, token{literal: literal.String()})
			literal.Reset()
		}
		tokens = append(tokens, t)
	}
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text):
			i++
			literal.WriteByte(text[i])
		case strings.HasPrefix(text[i:], "**/") && i > 0 && text[i-1] == '/':
			wild(token{folders: true})
			i += 2
		case strings.HasPrefix(text[i:], "**"):
			wild(token{tree: true})
			i++
		case text[i] == '*':
			wild(token{star: true})
		default:
			literal.WriteByte(text[i])
		}
	}
	if literal.Len() > 0 {
		tokens = append(tokens, token{literal: literal.String()})
	}
	if len(tokens) > 0 && tokens[0].literal != "" {
		g.prefix, tokens = tokens[0].literal, tokens[1:]
	}
	g.rest = tokens
	return g
}

func (g *glob) match(path string) bool {
	rest, ok := strings.CutPrefix(path, g.prefix)
	return ok && matchTokens(g.rest, rest)
}

// matchTokens goes from left to right. When something does not fit, the last
// wildcard takes more; those before it never have to, since it can take all
// that they could. Only * hands over to the ** or **/ before it, at a slash.
func matchTokens(tokens []token, s string) bool {
	var star, tree retry
	for len(tokens) > 0 || s != "" {
		var t token
		if len(tokens) > 0 {
			t = tokens[0]
		}
		switch {
		case t.star:
			star, tokens = retry{tokens, s}, tokens[1:]
		case t.tree || t.folders:
			tree, star, tokens = retry{tokens, s}, retry{}, tokens[1:]
		case t.literal != "" && strings.HasPrefix(s, t.literal):
			tokens, s = tokens[1:], s[len(t.literal):]
		case star.more():
			tokens, s = star.tokens[1:], star.s
		case tree.more():
			star, tokens, s = retry{}, tree.tokens[1:], tree.s
		default:
			return false
		}
	}
	return true
}

// retry is a wildcard and what it and those after it have to match.
type retry struct {
	tokens []token
	s      string
}

// more lets the wildcard take the least that it can beside what it has taken.
func (r *retry) more() bool {
	if len(r.tokens) == 0 || r.s == "" {
		return false
	}
	next := 1
	switch t := r.tokens[0]; {
	case t.star && r.s[0] == '/':
		return false
	case t.folders:
		next = strings.IndexByte(r.s, '/') + 1
	}
	r.s = r.s[next:]
	return next > 0
}

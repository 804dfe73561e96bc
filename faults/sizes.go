package faults

import "github.com/zksim/zksim/zkapi"

// How long requests, replies and events would be on a connection, for a client
// that has none.

const (
	requestSize = 4 + 4 + 4     // length, xid, type
	replySize   = 4 + 4 + 8 + 4 // length, xid, zxid, error
	statSize    = 68
	partSize    = 4 + 1 + 4 // the header of a part of a multi
)

func textSize[T string | []byte](text T) int { return 4 + len(text) }

func textsSize(texts []string) int {
	n := 4
	for _, t := range texts {
		n += textSize(t)
	}
	return n
}

func aclSize(acl []zkapi.ACL) int {
	n := 4
	for _, a := range acl {
		n += 4 + textSize(a.Scheme) + textSize(a.ID)
	}
	return n
}

func idsSize(ids []zkapi.ID) int {
	n := 4
	for _, id := range ids {
		n += textSize(id.Scheme) + textSize(id.User)
	}
	return n
}

// eventSize is 0 for what clients tell themselves, such as that a watch is removed.
func eventSize(ev zkapi.Event) int {
	if ev.Type < zkapi.EventNodeCreated || ev.Type > zkapi.EventNodeChildrenChanged {
		return 0
	}
	return replySize + 4 + 4 + textSize(ev.Path)
}

// opSize is the length of a part of a multi, without its header.
func opSize(o *zkapi.Op) int {
	n := textSize(o.Path)
	switch o.Type {
	case zkapi.OpCreate, zkapi.OpCreate2, zkapi.OpCreateContainer:
		return n + textSize(o.Data) + aclSize(o.ACL) + 4
	case zkapi.OpCreateTTL:
		return n + textSize(o.Data) + aclSize(o.ACL) + 4 + 8
	case zkapi.OpSetData:
		return n + textSize(o.Data) + 4
	case zkapi.OpGetData, zkapi.OpGetChildren:
		return n + 1
	}
	return n + 4
}

func resultsSize(results []zkapi.OpResult) int {
	n := partSize
	for i := range results {
		n += partSize + resultSize(&results[i])
	}
	return n
}

func resultSize(r *zkapi.OpResult) int {
	if r.Err != nil {
		return 4
	}
	switch r.Type {
	case zkapi.OpCreate:
		return textSize(r.Path)
	case zkapi.OpCreate2, zkapi.OpCreateContainer, zkapi.OpCreateTTL:
		return textSize(r.Path) + statSize
	case zkapi.OpSetData:
		return statSize
	case zkapi.OpGetData:
		return textSize(r.Data) + statSize
	case zkapi.OpGetChildren:
		return textsSize(r.Children)
	}
	return 0
}

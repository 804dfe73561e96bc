package wire

import "github.com/zksim/zksim/zkapi"

// Reply is the body of any reply. Which fields are used follows from the type
// of the request.
type Reply struct {
	Path     string        // create, create2, createContainer, createTTL, sync
	Data     []byte        // getData, reconfig
	Stat     zkapi.Stat    // where there is one
	ACL      []zkapi.ACL   // getACL
	Children []string      // getChildren, getChildren2; getEphemerals: the paths
	Total    int32         // getAllChildrenNumber; addWatch sends a 0
	IDs      []zkapi.ID    // whoAmI
	Results  []MultiResult // multi, multiRead
	Token    []byte        // sasl
}

// Append appends the body of a successful reply to op.
func (p *Reply) Append(b []byte, op zkapi.OpCode) []byte {
	switch op {
	case zkapi.OpCreate, zkapi.OpSync:
		b = AppendString(b, p.Path)
	case zkapi.OpCreate2, zkapi.OpCreateContainer, zkapi.OpCreateTTL:
		b = AppendStat(AppendString(b, p.Path), &p.Stat)
	case zkapi.OpExists, zkapi.OpSetData, zkapi.OpSetACL:
		b = AppendStat(b, &p.Stat)
	case zkapi.OpGetData, zkapi.OpReconfig:
		b = AppendStat(AppendBuffer(b, p.Data), &p.Stat)
	case zkapi.OpGetACL:
		b = AppendStat(AppendACLs(b, p.ACL), &p.Stat)
	case zkapi.OpGetChildren, zkapi.OpGetEphemerals:
		b = AppendStrings(b, p.Children)
	case zkapi.OpGetChildren2:
		b = AppendStat(AppendStrings(b, p.Children), &p.Stat)
	case zkapi.OpGetAllChildrenNumber, zkapi.OpAddWatch:
		b = AppendInt(b, p.Total)
	case zkapi.OpSasl:
		b = AppendBuffer(b, p.Token)
	case zkapi.OpMulti, zkapi.OpMultiRead:
		for i := range p.Results {
			b = p.Results[i].Append(b)
		}
		b = AppendMultiEnd(b)
	case zkapi.OpWhoAmI:
		b = AppendInt(b, int32(len(p.IDs)))
		for _, id := range p.IDs {
			b = AppendString(AppendString(b, id.Scheme), id.User)
		}
	}
	return b
}

// Read reads the body of a successful reply to op.
func (p *Reply) Read(r *Reader, op zkapi.OpCode) {
	switch op {
	case zkapi.OpCreate, zkapi.OpSync:
		p.Path = r.String()
	case zkapi.OpCreate2, zkapi.OpCreateContainer, zkapi.OpCreateTTL:
		p.Path, p.Stat = r.String(), r.Stat()
	case zkapi.OpExists, zkapi.OpSetData, zkapi.OpSetACL:
		p.Stat = r.Stat()
	case zkapi.OpGetData, zkapi.OpReconfig:
		p.Data, p.Stat = r.Buffer(), r.Stat()
	case zkapi.OpGetACL:
		p.ACL, p.Stat = r.ACLs(nil), r.Stat()
	case zkapi.OpGetChildren, zkapi.OpGetEphemerals:
		p.Children = r.Strings(nil)
	case zkapi.OpGetChildren2:
		p.Children, p.Stat = r.Strings(nil), r.Stat()
	case zkapi.OpGetAllChildrenNumber, zkapi.OpAddWatch:
		p.Total = r.Int()
	case zkapi.OpSasl:
		p.Token = r.Buffer()
	case zkapi.OpMulti, zkapi.OpMultiRead:
		p.Results = ReadMultiResults(r)
	case zkapi.OpWhoAmI:
		p.IDs = nil
		for n := r.Int(); n > 0 && r.Err() == nil; n-- {
			p.IDs = append(p.IDs, zkapi.ID{Scheme: r.String(), User: r.String()})
		}
	}
}

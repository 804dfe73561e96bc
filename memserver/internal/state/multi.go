package state

import (
	"slices"

	"github.com/tidwall/btree"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// multi (14) and multiRead (22).

// applyMulti does all of the operations at one zxid or, if one fails, none. A
// failed multi is a success on the level of the reply: the codes are in its parts.
func (s *State) applyMulti(c *Conn, ops []wire.Op, p *Response) zkapi.Code {
	if !s.decodeAll(ops, false) {
		return zkapi.ErrMarshalling
	}
	if slices.ContainsFunc(ops, func(o wire.Op) bool { return o.Path == wire.NullString }) {
		return s.tripOverNull(p)
	}
	s.nextZxid()
	if len(ops) > 0 && isRead(ops[0].Type) {
		return zkapi.ErrMarshalling
	}
	results, failed := s.parts(c, ops)
	p.Results = results
	if failed == zkapi.ErrMarshalling { // what a part trips over spoils the whole
		p.Results = nil
		return failed
	}
	s.fire()
	return 0
}

// parts carries out the operations, and undoes them if one fails.
func (s *State) parts(c *Conn, ops []wire.Op) (results []wire.MultiResult, failed zkapi.Code) {
	if s.cfg.EnforceQuota && s.quotas.Len() > 0 {
		s.before, s.quotasBefore = s.tree.fork(), *s.quotas.Copy()
	}
	s.inMulti, s.seqs = true, make(map[*node]int32)
	digest := s.digest
	results = s.multi[:0]
	for i := range ops {
		r := wire.MultiResult{Type: zkapi.OpErr, Err: zkapi.ErrRuntimeInconsistency}
		if failed == 0 {
			failed = s.part(c, &ops[i], &r)
		}
		results = append(results, r)
	}
	s.inMulti, s.seqs, s.noted = false, nil, nil
	s.before, s.quotasBefore = tree{}, btree.Set[string]{}
	if failed != 0 {
		s.rollBack(results, failed)
		s.digest = digest
	}
	clear(s.undo)
	s.undo, s.multi = s.undo[:0], results
	return results, failed
}

// fault is what a real server's decoder finds in one part of a multi.
type fault int

const (
	sound     fault = iota
	malformed       // the multi takes a zxid all the same
	crash           // an exception of another kind, and no zxid
)

// decodeAll decodes the operations of a multi, behind which there may be bytes
// that are none. What goes wrong in the one that a real server comes to first
// decides about the zxid.
func (s *State) decodeAll(ops []wire.Op, cut bool) bool {
	reads := len(ops) > 0 && isRead(ops[0].Type)
	for i := range ops {
		fault := s.decode(&ops[i])
		if fault == sound && isRead(ops[i].Type) != reads {
			fault = malformed
		}
		switch fault {
		case crash:
			return false
		case malformed:
			s.nextZxid()
			return false
		}
	}
	if cut {
		s.nextZxid()
	}
	return !cut
}

// isRead reports whether a type of operation can be in a multiRead.
func isRead(op zkapi.OpCode) bool { return op == zkapi.OpGetData || op == zkapi.OpGetChildren }

// decode checks what a real server's decoder checks, and turns an operation
// into the one as which it is carried out.
func (s *State) decode(o *wire.Op) fault {
	mode := zkapi.CreateMode(o.Flags)
	switch o.Type {
	case zkapi.OpCreate, zkapi.OpCreate2, zkapi.OpCreateContainer:
		if !s.cfg.V38 {
			switch {
			case mode < zkapi.Persistent || mode > zkapi.PersistentSequentialTTL:
				return malformed
			case o.ACL == nil:
				return crash
			case mode.TTL():
				return malformed
			}
		} else {
			o.Type = zkapi.OpCreate
		}
		if mode == zkapi.Container {
			o.Type = zkapi.OpCreateContainer
		}
	case zkapi.OpCreateTTL:
		if mode == zkapi.Container {
			o.Type = zkapi.OpCreateContainer
		} else if !mode.TTL() {
			o.Type = zkapi.OpCreate
		}
	default:
		if !isPart(o.Type) && !isRead(o.Type) {
			return malformed
		}
	}
	return sound
}

// tripOverNull ends a multi with a null path. In 3.8 its zxid is lost, and a
// body is sent.
func (s *State) tripOverNull(p *Response) zkapi.Code {
	if s.cfg.V38 {
		s.gap++
		p.Body, p.Results = true, nil
	} else {
		s.nextZxid()
	}
	return zkapi.ErrMarshalling
}

// isPart reports whether a type of operation can be in a multi.
func isPart(op zkapi.OpCode) bool {
	switch op {
	case zkapi.OpCreate, zkapi.OpCreate2, zkapi.OpCreateContainer, zkapi.OpCreateTTL,
		zkapi.OpDelete, zkapi.OpSetData, zkapi.OpCheck:
		return true
	}
	return false
}

// part carries out one operation of a multi.
func (s *State) part(c *Conn, o *wire.Op, r *wire.MultiResult) zkapi.Code {
	done := wire.MultiResult{Type: o.Type}
	var code zkapi.Code
	switch o.Type {
	case zkapi.OpDelete:
		code = s.delete(c, o)
	case zkapi.OpCheck:
		code = s.check(c, o)
	case zkapi.OpSetData:
		code = s.setData(c, o, &done.Stat)
	case zkapi.OpCreate, zkapi.OpCreateContainer, zkapi.OpCreate2, zkapi.OpCreateTTL:
		if o.Type != zkapi.OpCreateTTL && zkapi.CreateMode(o.Flags).TTL() {
			return zkapi.ErrMarshalling // only in 3.8 does it come this far
		}
		code = s.create(c, o, &done.Path, &done.Stat)
		if o.Type != zkapi.OpCreate {
			done.Type = zkapi.OpCreate2 // so are the results of all creates that give a Stat
		}
	}
	if code != 0 {
		r.Err = code
		return code
	}
	*r = done
	return 0
}

// rollBack undoes what was done and rewrites the results as ZooKeeper reports
// them: 0 before the failure, the code at it, a filler after it.
func (s *State) rollBack(results []wire.MultiResult, failed zkapi.Code) {
	for i := len(s.undo) - 1; i >= 0; i-- {
		s.undo[i]()
	}
	clear(s.changes)
	s.changes = s.changes[:0]
	reached := false
	for i := range results {
		r := wire.MultiResult{Type: zkapi.OpErr}
		switch {
		case reached:
			r.Err = zkapi.ErrRuntimeInconsistency
		case results[i].Type == zkapi.OpErr:
			r.Err, reached = failed, true
		}
		results[i] = r
	}
}

// multiRead does several reads, each for itself. The watch flags mean nothing.
func (s *State) multiRead(c *Conn, ops []wire.Op, p *Response) zkapi.Code {
	if slices.ContainsFunc(ops, func(o wire.Op) bool { return !isRead(o.Type) }) {
		// What can be decoded and is not for here is answered with a body too.
		p.Body, p.Results = !slices.ContainsFunc(ops, func(o wire.Op) bool { return isRead(o.Type) || !isPart(o.Type) }), nil
		return zkapi.ErrMarshalling
	}
	p.Results = make([]wire.MultiResult, len(ops))
	for i := range ops {
		var one Response
		o := wire.Op{Type: ops[i].Type, Path: ops[i].Path}
		code := zkapi.Code(0)
		if o.Type == zkapi.OpGetData {
			code = s.getData(c, &o, &one)
		} else {
			s.names = nil // each list is kept until the reply is sent
			code = s.getChildren(c, &o, &one)
		}
		if code == zkapi.ErrMarshalling {
			p.Body, p.Results = true, p.Results[:i] // a null path spoils the rest
			return code
		}
		if p.Results[i] = (wire.MultiResult{Type: o.Type, Data: one.Data, Children: one.Children, Stat: one.Stat}); code != 0 {
			p.Results[i] = wire.MultiResult{Type: zkapi.OpErr, Err: code}
		}
	}
	return 0
}

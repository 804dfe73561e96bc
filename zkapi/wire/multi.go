package wire

import "github.com/zksim/zksim/zkapi"

// AppendMultiHeader appends the header of one part of a multi, in either direction.
func AppendMultiHeader(b []byte, op zkapi.OpCode, done bool, err zkapi.Code) []byte {
	return AppendInt(AppendBool(AppendInt(b, int32(op)), done), int32(err))
}

// AppendMultiEnd appends the header that ends a multi, in either direction.
func AppendMultiEnd(b []byte) []byte { return AppendMultiHeader(b, zkapi.OpErr, true, -1) }

// AppendMulti appends the body of a multi or multiRead.
func AppendMulti(b []byte, ops []Op) []byte {
	for i := range ops {
		b = AppendMultiHeader(b, ops[i].Type, false, -1)
		b = ops[i].Append(b)
	}
	return AppendMultiEnd(b)
}

// ReadMulti reads the body of a multi or multiRead into ops[:0] and reuses the
// memory of the ops there. Every Type that Op knows is accepted; whether the
// server takes it is not a matter of the format. If the body is malformed, the
// ops in front of the malformed one are returned.
func ReadMulti(r *Reader, ops []Op) []Op {
	ops = ops[:0]
	for {
		op, done := zkapi.OpCode(r.Int()), r.Bool()
		r.Int() // an error code that means nothing in a request
		if done || r.Err() != nil {
			return ops
		}
		if len(ops) < cap(ops) {
			ops = ops[:len(ops)+1]
		} else {
			ops = append(ops, Op{})
		}
		o := &ops[len(ops)-1]
		o.Type = op
		if o.Read(r); r.Err() != nil {
			return ops[:len(ops)-1]
		}
	}
}

// MultiResult is one part of the reply to a multi or multiRead. Type is OpErr
// where the operation failed or, in a multi, another one did.
type MultiResult struct {
	Type     zkapi.OpCode
	Err      zkapi.Code
	Path     string
	Data     []byte
	Children []string
	Stat     zkapi.Stat
}

// Append appends the header and the body of the part.
func (m *MultiResult) Append(b []byte) []byte {
	b = AppendMultiHeader(b, m.Type, false, m.Err)
	switch m.Type {
	case zkapi.OpErr:
		b = AppendInt(b, int32(m.Err))
	case zkapi.OpCreate:
		b = AppendString(b, m.Path)
	case zkapi.OpCreate2:
		b = AppendStat(AppendString(b, m.Path), &m.Stat)
	case zkapi.OpSetData:
		b = AppendStat(b, &m.Stat)
	case zkapi.OpGetData:
		b = AppendStat(AppendBuffer(b, m.Data), &m.Stat)
	case zkapi.OpGetChildren:
		b = AppendStrings(b, m.Children)
	}
	return b
}

// ReadMultiResults reads the body of the reply to a multi or multiRead.
func ReadMultiResults(r *Reader) []MultiResult {
	var results []MultiResult
	for {
		m := MultiResult{Type: zkapi.OpCode(r.Int())}
		done := r.Bool()
		m.Err = zkapi.Code(r.Int())
		if done || r.Err() != nil {
			return results
		}
		switch m.Type {
		case zkapi.OpErr:
			m.Err = zkapi.Code(r.Int())
		case zkapi.OpCreate:
			m.Path = r.String()
		case zkapi.OpCreate2:
			m.Path, m.Stat = r.String(), r.Stat()
		case zkapi.OpSetData:
			m.Stat = r.Stat()
		case zkapi.OpGetData:
			m.Data, m.Stat = r.Buffer(), r.Stat()
		case zkapi.OpGetChildren:
			m.Children = r.Strings(nil)
		case zkapi.OpDelete, zkapi.OpCheck:
		default:
			r.fail()
		}
		results = append(results, m)
	}
}

package recipes

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// Codec says how values are written into nodes, and how they are added. Data that
// is empty is the zero value, or what Zero says.
type Codec[V any] struct {
	Encode func(V) ([]byte, error)
	Decode func([]byte) (V, error)
	Add    func(a, b V) (V, error) // nil: they cannot be added
	Zero   V                       // what a node without data is, kazoo's default
}

// Text is how kazoo's Counter writes integers, in decimal digits. A sum that is
// no int64 is an error; see BigText.
func Text() Codec[int64] {
	return Codec[int64]{
		Encode: func(v int64) ([]byte, error) { return strconv.AppendInt(nil, v, 10), nil },
		Decode: func(data []byte) (int64, error) { return strconv.ParseInt(pythonNumber(data), 10, 64) },
		Add:    addInt64,
	}
}

// BigText is Text for integers of any size, as Python's are.
func BigText() Codec[*big.Int] {
	return Codec[*big.Int]{
		Encode: func(v *big.Int) ([]byte, error) { return v.Append(nil, 10), nil },
		Decode: func(data []byte) (*big.Int, error) {
			v, ok := new(big.Int).SetString(pythonNumber(data), 10)
			if !ok {
				return nil, fmt.Errorf("%.40q is no integer", data)
			}
			return v, nil
		},
		Add:  func(a, b *big.Int) (*big.Int, error) { return new(big.Int).Add(a, b), nil },
		Zero: new(big.Int),
	}
}

// FloatText is how kazoo's Counter writes floats: as Python's repr does.
func FloatText() Codec[float64] {
	return Codec[float64]{
		Encode: func(v float64) ([]byte, error) { return []byte(pythonFloat(v)), nil },
		Decode: func(data []byte) (float64, error) { return strconv.ParseFloat(pythonNumber(data), 64) },
		Add:    func(a, b float64) (float64, error) { return a + b, nil },
	}
}

// Int64 is how Curator's DistributedAtomicLong writes numbers: in 8 bytes, the
// highest first.
func Int64() Codec[int64] {
	return Codec[int64]{
		Encode: func(v int64) ([]byte, error) { return binary.BigEndian.AppendUint64(nil, uint64(v)), nil },
		Decode: func(data []byte) (int64, error) {
			if len(data) != 8 {
				return 0, fmt.Errorf("%d bytes, not 8", len(data))
			}
			return int64(binary.BigEndian.Uint64(data)), nil
		},
		Add: addInt64,
	}
}

// Int32 is how Curator's SharedCount and DistributedAtomicInteger write numbers,
// and kazoo's Counter with support_curator: in 4 bytes, the highest first.
func Int32() Codec[int32] {
	return Codec[int32]{
		Encode: func(v int32) ([]byte, error) { return binary.BigEndian.AppendUint32(nil, uint32(v)), nil },
		Decode: func(data []byte) (int32, error) {
			if len(data) != 4 {
				return 0, fmt.Errorf("%d bytes, not 4", len(data))
			}
			return int32(binary.BigEndian.Uint32(data)), nil
		},
		Add: func(a, b int32) (int32, error) {
			sum := int64(a) + int64(b)
			if sum != int64(int32(sum)) {
				return 0, fmt.Errorf("%d + %d is more than 4 bytes hold", a, b)
			}
			return int32(sum), nil
		},
	}
}

// Bytes is Curator's DistributedAtomicValue: the data itself.
func Bytes() Codec[[]byte] {
	return Codec[[]byte]{
		Encode: func(v []byte) ([]byte, error) { return v, nil },
		Decode: func(data []byte) ([]byte, error) { return bytes.Clone(data), nil },
	}
}

func addInt64(a, b int64) (int64, error) {
	if sum := a + b; (sum > a) == (b > 0) {
		return sum, nil
	}
	return 0, fmt.Errorf("%d + %d is more than 8 bytes hold", a, b)
}

// pythonNumber is the text of a number for Go's parsers, which take neither
// spaces around it nor the words that Python has for what is no number.
func pythonNumber(data []byte) string { return strings.TrimSpace(string(data)) }

// pythonFloat is Python's repr of a float: the shortest text that is read as the
// same, with a point or an exponent.
func pythonFloat(v float64) string {
	switch {
	case math.IsInf(v, 1):
		return "inf"
	case math.IsInf(v, -1):
		return "-inf"
	case math.IsNaN(v):
		return "nan"
	}
	if exp := math.Abs(v); v != 0 && (exp < 1e-4 || exp >= 1e16) {
		return strconv.FormatFloat(v, 'e', -1, 64)
	}
	text := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

func (k *Codec[V]) decode(data []byte) (V, error) {
	if len(data) == 0 {
		return k.Zero, nil
	}
	v, err := k.Decode(data)
	if err != nil {
		return v, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return v, nil
}

// content is the data of a node that others read, too. What is empty is not null:
// kazoo and Curator take that for nothing at all, or fail.
func content(data []byte) []byte {
	if data == nil {
		return []byte{}
	}
	return data
}

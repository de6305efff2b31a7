package binding

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// scalarWriter returns the writer of a kind that is neither enum nor message. It takes a text in quotes, a number, true
// and false, of which it writes what fits.
func scalarWriter(kind protoreflect.Kind) writer {
	return writer{wire: wireType(kind), write: scalarConvert(kind)}
}

func scalarConvert(kind protoreflect.Kind) convert {
	switch kind {
	case protoreflect.BoolKind:
		return writeBool
	case protoreflect.StringKind:
		return writeString
	case protoreflect.BytesKind:
		return writeBytes
	case protoreflect.FloatKind:
		return writeFloat(32, func(b []byte, f float64) []byte { return protowire.AppendFixed32(b, math.Float32bits(float32(f))) })
	case protoreflect.DoubleKind:
		return writeFloat(64, func(b []byte, f float64) []byte { return protowire.AppendFixed64(b, math.Float64bits(f)) })
	default:
		return writeInteger(kind)
	}
}

func writeFloat(bits int, write func(b []byte, f float64) []byte) convert {
	wanted := map[int]string{32: "a number in the range of a float", 64: "a number in the range of a double"}[bits]
	return func(b *binder, raw []byte) (bool, *misfit) {
		f, ok := b.float(raw, bits)
		if !ok {
			return false, unfit(raw, wanted)
		}
		b.b = write(b.b, f)
		return true, nil
	}
}

func writeInteger(kind protoreflect.Kind) convert {
	write, bits, signed, wanted := protowire.AppendVarint, 64, true, ""
	switch kind {
	case protoreflect.Int32Kind, protoreflect.Uint32Kind, protoreflect.Sint32Kind:
		bits = 32
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind:
		bits = 32
		write = func(b []byte, v uint64) []byte { return protowire.AppendFixed32(b, uint32(v)) } //nolint:gosec // the lower half is meant
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind:
		write = protowire.AppendFixed64
	default:
	}
	switch kind {
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind, protoreflect.Fixed32Kind, protoreflect.Fixed64Kind:
		signed, wanted = false, ", not negative"
	case protoreflect.Sint32Kind, protoreflect.Sint64Kind:
		write = func(b []byte, v uint64) []byte { return protowire.AppendVarint(b, protowire.EncodeZigZag(int64(v))) } //nolint:gosec // two's complement
	default:
	}
	wanted = fmt.Sprintf("a whole number of %d bits%s", bits, wanted)
	return func(b *binder, raw []byte) (bool, *misfit) {
		v, ok := b.integer(raw, bits, signed)
		if !ok {
			return false, unfit(raw, wanted)
		}
		b.b = write(b.b, v)
		return true, nil
	}
}

// unquote returns what a JSON string says; of other values, nothing.
func (b *binder) unquote(raw []byte) []byte {
	if kind(raw) != '"' {
		return nil
	}
	text, kept, _ := unquoted(b.kept, raw)
	b.kept = kept
	return text
}

// digits returns a number as it is written, in quotes or not; nothing if it is none.
func (b *binder) digits(raw []byte) []byte {
	if kind(raw) == '"' {
		raw = bytes.TrimSpace(b.unquote(raw))
	}
	if !isNumber(raw) {
		return nil
	}
	return raw
}

// integer returns a whole number that so many bits hold, as two's complement of 64: 7, 7.0 and 1.616583749E9 are whole.
func (b *binder) integer(raw []byte, bits int, signed bool) (uint64, bool) {
	digits := b.digits(raw)
	if digits == nil {
		return 0, false
	}
	plain := string(b.keep(appendPlain(b.kept, string(digits))))
	if signed {
		v, err := strconv.ParseInt(plain, 10, bits)
		return uint64(v), err == nil //nolint:gosec // two's complement
	}
	v, err := strconv.ParseUint(plain, 10, bits)
	return v, err == nil
}

// float returns a number that a float or a double holds, rounded.
func (b *binder) float(raw []byte, bits int) (float64, bool) {
	digits := b.digits(raw)
	if digits == nil {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(digits), bits)
	return f, err == nil
}

func writeBool(b *binder, raw []byte) (bool, *misfit) {
	text := raw
	if kind(raw) == '"' {
		text = b.unquote(raw)
	}
	yes, no := bytes.EqualFold(text, []byte("true")), bytes.EqualFold(text, []byte("false"))
	if !yes && !no {
		return false, unfit(raw, "true or false")
	}
	b.b = protowire.AppendVarint(b.b, protowire.EncodeBool(yes))
	return true, nil
}

// writeString writes a text. A number is written as it is, but for a whole one, which Dialogflow spells 24795.0; of an
// object that stands for a name or for words of the user's, those.
func writeString(b *binder, raw []byte) (bool, *misfit) {
	var text []byte
	switch kind(raw) {
	case '"':
		text = b.unquote(raw)
	case 't':
		text = []byte("true")
	case 'f':
		text = []byte("false")
	case '{':
		members := b.spread(raw)
		word := part(members, "original")
		if len(members) == 1 && word == nil {
			word = part(members, "name")
		}
		if kind(word) != '"' {
			return false, unfit(raw, "a text")
		}
		text = b.unquote(word)
	default:
		if !isNumber(raw) {
			return false, unfit(raw, "a text")
		}
		text = b.keep(appendPlain(b.kept, string(raw)))
	}
	b.b = protowire.AppendBytes(b.b, text)
	return true, nil
}

// writeBytes writes what base64 stands for, of either alphabet, with padding or without.
func writeBytes(b *binder, raw []byte) (bool, *misfit) {
	if kind(raw) != '"' {
		return false, unfit(raw, "base64")
	}
	text := bytes.TrimRight(b.unquote(raw), "=")
	encoding := base64.RawStdEncoding
	if bytes.ContainsAny(text, "-_") {
		encoding = base64.RawURLEncoding
	}
	decoded, err := encoding.AppendDecode(b.kept, text)
	if err != nil {
		return false, unfit(raw, "base64")
	}
	b.b = protowire.AppendBytes(b.b, b.keep(decoded))
	return true, nil
}

// wireType returns how single values of a kind stand on the wire.
func wireType(kind protoreflect.Kind) protowire.Type {
	switch kind {
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind:
		return protowire.BytesType
	case protoreflect.FloatKind, protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind:
		return protowire.Fixed32Type
	case protoreflect.DoubleKind, protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind:
		return protowire.Fixed64Type
	case protoreflect.GroupKind:
		return protowire.StartGroupType
	default:
		return protowire.VarintType
	}
}

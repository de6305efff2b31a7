package dialogflow

import (
	"math"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// string reads a text.
func (r *reader) string(into *string) error {
	text, err := r.words()
	*into = r.text(text)
	return err
}

// words reads a text, which is there until the next one is read.
func (r *reader) words() ([]byte, error) {
	if r.next() != '"' {
		v, err := r.value()
		if err != nil {
			return nil, err
		}
		return nil, r.wrong("a text", v)
	}
	return r.quoted()
}

// enum reads the name of an enum value, or its number. The first name is the one that says nothing: it is left out.
func (r *reader) enum(names []string, into *string) error {
	v, err := r.value()
	if err != nil {
		return err
	}
	switch v.Kind() {
	case jsontext.KindString:
		text, err := r.unquote(v)
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(names, func(name string) bool { return name == string(text) }); i >= 0 {
			*into = names[i]
		} else {
			*into = r.text(text)
		}
	case jsontext.KindNumber:
		n, err := r.int32(v)
		if err != nil {
			return err
		}
		if *into = strconv.Itoa(int(n)); n >= 0 && int(n) < len(names) && names[n] != "" {
			*into = names[n]
		}
	default:
		return r.wrong("the name of an enum value", v)
	}
	switch slices.Index(names, *into) {
	case -1:
		r.quirk(UnknownEnumName)
	case 0:
		*into = ""
	}
	return nil
}

// bool reads true or false.
func (r *reader) bool(into *bool) error {
	v, err := r.value()
	if err != nil {
		return err
	}
	switch string(v) {
	case `"true"`, `"false"`:
		r.quirk(NumberAsString)
		*into = string(v) == `"true"`
	case `true`, `false`:
		*into = string(v) == `true`
	default:
		return r.wrong("true or false", v)
	}
	return nil
}

// float reads a number that a float of protobuf holds.
func (r *reader) float(into *float64) error {
	v, err := r.value()
	if err != nil {
		return err
	}
	text, err := r.digits(v)
	if err != nil {
		return err
	}
	*into, err = strconv.ParseFloat(string(text), 64)
	if err != nil || math.Abs(*into) > math.MaxFloat32 {
		return r.wrong("a number in the range of a float", v)
	}
	return nil
}

// integer reads a whole number of 32 bits.
func (r *reader) integer(into *int32) error {
	v, err := r.value()
	if err != nil {
		return err
	}
	*into, err = r.int32(v)
	return err
}

// int32 is the whole number that was just read as v.
func (r *reader) int32(v Value) (int32, error) {
	text, err := r.digits(v)
	if err != nil {
		return 0, err
	}
	if n, err := strconv.ParseInt(string(text), 10, 32); err == nil {
		return int32(n), nil
	}
	n, err := strconv.ParseFloat(string(text), 64)
	if err != nil || n != math.Trunc(n) || n < math.MinInt32 || n > math.MaxInt32 {
		return 0, r.wrong("a whole number of 32 bits", v)
	}
	r.quirk(FloatForInteger)
	return int32(n), nil
}

// digits is the number that was just read as v, in quotes or not, as it is written. NaN and the infinities, which
// protobuf's JSON mapping writes in quotes, are no numbers.
func (r *reader) digits(v Value) ([]byte, error) {
	switch v.Kind() {
	case jsontext.KindNumber:
		return v, nil
	case jsontext.KindString:
		text, err := r.unquote(v)
		if err != nil {
			return nil, err
		}
		if s := string(text); s == "NaN" || s == "Infinity" || s == "-Infinity" {
			return nil, r.wrong("a finite number", v)
		}
		if NumberLength(text) != len(text) {
			return nil, r.wrong("a number", v)
		}
		r.quirk(NumberAsString)
		return text, nil
	default:
		return nil, r.wrong("a number", v)
	}
}

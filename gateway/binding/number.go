package binding

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/intentgate/intentgate/gateway/dialogflow"
)

// anyDigits is how many decimal digits every double holds.
const anyDigits = 15

// double returns the double that a JSON number is, if a double holds it: if the shortest decimal that reads back as the
// double is numerically equal to what was written. 7.0, 0.1 and 1.616583749E9 are held; 9007199254740993, a card
// number of 20 digits and 1e400 are not.
func double(text string) (float64, bool) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, false
	}
	if len(text) <= anyDigits && !strings.ContainsAny(text, "eE") {
		return f, true
	}
	var a, b [32]byte
	written, scale, ok := decimal(a[:0], text)
	shortest, shortestScale, _ := decimal(b[:0], strconv.FormatFloat(f, 'e', -1, 64))
	return f, ok && scale == shortestScale && bytes.Equal(written, shortest)
}

// maxExponent is beyond the digits that any body has room for, so that counting both together does not overflow.
const maxExponent = 1 << 30

// decimal takes a JSON number apart: its digits without zeros at either end, appended to b, and the power of ten that
// they are multiplied with. The sign is left aside. It is not ok if the exponent is beyond all measure.
func decimal(b []byte, text string) (digits []byte, scale int, ok bool) {
	fraction := 0
	for i := range len(text) {
		switch c := text[i]; {
		case '0' <= c && c <= '9':
			scale -= fraction
			if c != '0' || len(b) > 0 {
				b = append(b, c)
			}
		case c == '.':
			fraction = 1
		case c == 'e' || c == 'E':
			exponent, err := strconv.Atoi(text[i+1:])
			if (err != nil || exponent > maxExponent || exponent < -maxExponent) && len(b) > 0 {
				return nil, 0, false
			}
			return trimmed(b, scale+exponent)
		}
	}
	return trimmed(b, scale)
}

func trimmed(b []byte, scale int) ([]byte, int, bool) {
	for len(b) > 0 && b[len(b)-1] == '0' {
		b = b[:len(b)-1]
		scale++
	}
	if len(b) == 0 {
		scale = 0
	}
	return b, scale, true
}

// isNumber reports whether text is a number of JSON's.
func isNumber[T string | []byte](text T) bool {
	return len(text) > 0 && dialogflow.NumberLength(text) == len(text)
}

// maxPlain is how many digits a whole number may have to be written out.
const maxPlain = 40

// appendPlain appends a number of JSON's as people write it: a whole one without a fraction and an exponent.
func appendPlain(b []byte, text string) []byte {
	var a [maxPlain]byte
	digits, scale, ok := decimal(a[:0], text)
	switch {
	case !ok || scale < 0 || len(digits)+scale > maxPlain:
		return append(b, text...)
	case len(digits) == 0:
		return append(b, '0')
	}
	if text[0] == '-' {
		b = append(b, '-')
	}
	return append(append(b, digits...), "0000000000000000000000000000000000000000"[:scale]...)
}

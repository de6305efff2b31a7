package binding

import (
	"errors"
	"math/big"
	"strconv"
	"strings"
	"testing"
)

func TestDouble(t *testing.T) {
	const none = "none"
	for text, want := range map[string]any{
		"0": 0.0, "-0": 0.0, "0.0": 0.0, "0e5": 0.0, "0E-99999999999999999999": 0.0, "7": 7.0, "7.0": 7.0, "7.50": 7.5, "-12": -12.0,
		"0.1": 0.1, "0.10": 0.1, "1.616583749E9": 1616583749.0, "1548705494847.0": 1548705494847.0, "1e21": 1e21, "100e-2": 1.0,
		"0.00000000000000000000000001": 1e-26,
		"9007199254740992":             9007199254740992.0, "9007199254740992.000": 9007199254740992.0, "9007199254740994": 9007199254740994.0,
		"10000000000000000000": 1e19, "123456789012345": 123456789012345.0,
		"2.2250738585072014e-308": 2.2250738585072014e-308, "1.7976931348623157e308": 1.7976931348623157e308,
		// What a double does not hold.
		"9007199254740993": none, "-9007199254740993": none, "9007199254740993.0": none,
		"12345678901234567890": none, "0.1000000000000000055511151231257827": none,
		"3.14159265358979323846": none, "1e400": none, "-1e400": none, "1e-400": none,
		"1e99999999999999999999": none, "1e-99999999999999999999": none,
	} {
		if got, ok := double(text); ok != (want != none) || ok && got != want {
			t.Errorf("%s: got %v, %t; want %v", text, got, ok, want)
		}
	}
}

// FuzzDouble compares double with exact arithmetic.
func FuzzDouble(f *testing.F) {
	for _, text := range []string{"7.0", "9007199254740993", "1.616583749E9", "-0.10", "1e22", "123456789012345678", "0.000e-7", "5e-324", "1e9223372036854775807", "0.1e-9223372036854775808"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 400 || text == "" || strings.Trim(text, "0123456789.eE+-") != "" {
			t.Skip()
		}
		float, held := double(text) // which no exponent may make panic
		if i := strings.IndexAny(text, "eE"); i >= 0 && len(text)-i > 5 {
			t.Skip() // exact arithmetic would take for ever
		}
		_, err := strconv.ParseFloat(text, 64)
		if errors.Is(err, strconv.ErrRange) {
			if held {
				t.Errorf("%s: held by a double, which it is beyond", text)
			}
			return
		}
		if err != nil || strings.Trim(text, "+.") != text || strings.HasPrefix(text, "-.") {
			t.Skip() // no JSON number
		}
		written, ok := new(big.Rat).SetString(text)
		if !ok {
			t.Skip()
		}
		shortest, ok := new(big.Rat).SetString(strconv.FormatFloat(float, 'e', -1, 64))
		if !ok {
			t.Fatal("a float that is no number")
		}
		if got, want := held, written.Cmp(shortest) == 0; got != want {
			t.Errorf("%s: got %t, want %t", text, got, want)
		}
	})
}

package binding

import (
	"errors"
	"strconv"
	"strings"

	"google.golang.org/genproto/googleapis/type/interval"
	"google.golang.org/genproto/googleapis/type/latlng"
	"google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/genproto/googleapis/type/postaladdress"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

func (expression) structure(s *structpb.Struct) (*structpb.Value, error) {
	return structpb.NewStructValue(s), nil
}

func (expression) list(l *structpb.ListValue) (*structpb.Value, error) {
	return structpb.NewListValue(l), nil
}

func (expression) value(v *structpb.Value) (*structpb.Value, error) { return v, nil }

// amounts is an object of an amount and what it is an amount of. The amount is a number where a double holds it, else
// its digits as a text.
func amounts(amount, name, of string) *structpb.Value {
	value := structpb.NewStringValue(amount)
	if isNumber(amount) { // Go knows more numbers than JSON
		if f, held := double(amount); held {
			value = structpb.NewNumberValue(f)
		}
	}
	return object(map[string]*structpb.Value{"amount": value, name: structpb.NewStringValue(of)})
}

func (expression) quantity(q *intentgatev1.Quantity) (*structpb.Value, error) {
	return amounts(q.GetAmount(), "unit", q.GetUnit()), nil
}

func (expression) duration(d *durationpb.Duration) (*structpb.Value, error) {
	return amounts(plainly(d.GetSeconds(), d.GetNanos()), "unit", "s"), d.CheckValid()
}

func (expression) money(m *money.Money) (*structpb.Value, error) {
	units, nanos := m.GetUnits(), m.GetNanos()
	if nanos <= -1e9 || nanos >= 1e9 || units > 0 && nanos < 0 || units < 0 && nanos > 0 {
		return nil, errors.New("an amount of money whose units and nanos do not go together")
	}
	return amounts(plainly(units, nanos), "currency", m.GetCurrencyCode()), nil
}

// plainly is units and thousand millionths, both of one sign, in decimal.
func plainly(units int64, nanos int32) string {
	if nanos < 0 {
		nanos = -nanos
		if units == 0 {
			return "-0" + fraction(int(nanos))
		}
	}
	return strconv.FormatInt(units, 10) + fraction(int(nanos))
}

// fraction is that of a second or another unit, with its point; "" for none.
func fraction(nanos int) string {
	if nanos == 0 {
		return ""
	}
	digits := strconv.Itoa(1e9 + nanos)
	return "." + strings.TrimRight(digits[1:], "0")
}

func (expression) latLng(l *latlng.LatLng) (*structpb.Value, error) {
	return object(map[string]*structpb.Value{"latitude": real(l.GetLatitude(), 64), "longitude": real(l.GetLongitude(), 64)}), nil
}

// postalAddress is a @sys.location, which has no place for more than this.
func (expression) postalAddress(a *postaladdress.PostalAddress) (*structpb.Value, error) {
	location := map[string]*structpb.Value{}
	for name, text := range map[string]string{
		"business-name": a.GetOrganization(), "street-address": strings.Join(a.GetAddressLines(), ", "), "zip-code": a.GetPostalCode(),
		"city": a.GetLocality(), "admin-area": a.GetAdministrativeArea(), "subadmin-area": a.GetSublocality(), "country": a.GetRegionCode(),
	} {
		if text != "" {
			location[name] = structpb.NewStringValue(text)
		}
	}
	return structpb.NewStructValue(&structpb.Struct{Fields: location}), nil
}

// interval is a period. One that is open at both ends is none.
func (x expression) interval(i *interval.Interval) (*structpb.Value, error) {
	ends := map[string]*structpb.Value{}
	var err error
	if i.GetStartTime() != nil {
		if ends["startDateTime"], err = x.timestamp(i.GetStartTime()); err != nil {
			return nil, err
		}
	}
	if i.GetEndTime() != nil {
		if ends["endDateTime"], err = x.timestamp(i.GetEndTime()); err != nil {
			return nil, err
		}
	}
	if len(ends) == 0 {
		return nil, nil //nolint:nilnil // nothing, which is no error
	}
	return object(ends), nil
}

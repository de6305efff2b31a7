package binding

import (
	"errors"
	"fmt"
	"strings"

	"google.golang.org/genproto/googleapis/type/interval"
	"google.golang.org/genproto/googleapis/type/latlng"
	"google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/genproto/googleapis/type/postaladdress"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// known are the messages that Dialogflow has a form of its own for, or JSON has: by their full names, since the service's
// descriptors are its own.
var known = map[protoreflect.FullName]func(expression, []byte) (*structpb.Value, error){
	"google.protobuf.Struct": written(func(_ expression, s *structpb.Struct) (*structpb.Value, error) {
		return structpb.NewStructValue(s), nil
	}),
	"google.protobuf.ListValue": written(func(_ expression, l *structpb.ListValue) (*structpb.Value, error) {
		return structpb.NewListValue(l), nil
	}),
	"google.protobuf.Value": written(func(_ expression, v *structpb.Value) (*structpb.Value, error) { return v, nil }),

	"google.protobuf.DoubleValue": wrapped(new(wrapperspb.DoubleValue)),
	"google.protobuf.FloatValue":  wrapped(new(wrapperspb.FloatValue)),
	"google.protobuf.Int64Value":  wrapped(new(wrapperspb.Int64Value)),
	"google.protobuf.UInt64Value": wrapped(new(wrapperspb.UInt64Value)),
	"google.protobuf.Int32Value":  wrapped(new(wrapperspb.Int32Value)),
	"google.protobuf.UInt32Value": wrapped(new(wrapperspb.UInt32Value)),
	"google.protobuf.BoolValue":   wrapped(new(wrapperspb.BoolValue)),
	"google.protobuf.StringValue": wrapped(new(wrapperspb.StringValue)),
	"google.protobuf.BytesValue":  wrapped(new(wrapperspb.BytesValue)),

	"google.protobuf.Timestamp": written(expression.timestamp),
	"google.protobuf.Duration":  written(expression.duration),
	"google.type.Date":          written(expression.date),
	"google.type.TimeOfDay":     written(expression.timeOfDay),
	"google.type.DateTime":      written(expression.dateTime),
	"google.type.Interval":      written(expression.interval),
	"google.type.Money":         written(expression.money),
	"google.type.LatLng":        written(expression.latLng),
	"google.type.PostalAddress": written(expression.postalAddress),
	"intentgate.v1.Quantity":    written(expression.quantity),
}

// written reads a message for the function that makes its value.
func written[T any, M interface {
	*T
	proto.Message
}](value func(expression, M) (*structpb.Value, error),
) func(expression, []byte) (*structpb.Value, error) {
	return func(x expression, b []byte) (*structpb.Value, error) {
		message := M(new(T))
		if err := proto.Unmarshal(b, message); err != nil {
			return nil, err
		}
		return value(x, message)
	}
}

// wrapped makes the value of a wrapper: that of its only field.
func wrapped(wrapper proto.Message) func(expression, []byte) (*structpb.Value, error) {
	f := wrapper.ProtoReflect().Descriptor().Fields().ByNumber(1)
	return func(_ expression, b []byte) (*structpb.Value, error) {
		all, err := split(b)
		if err != nil {
			return nil, err
		}
		return scalar(f, last(f, all.of(f)))
	}
}

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
	return fmt.Sprint(units) + fraction(int(nanos))
}

// fraction is that of a second or another unit, with its point; "" for none.
func fraction(nanos int) string {
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf(".%09d", nanos), "0"), ".")
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

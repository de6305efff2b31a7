package binding

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/genproto/googleapis/type/datetime"
	"google.golang.org/genproto/googleapis/type/interval"
	"google.golang.org/genproto/googleapis/type/latlng"
	"google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/genproto/googleapis/type/postaladdress"
	"google.golang.org/genproto/googleapis/type/timeofday"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/intentgate/intentgate/gateway/dialogflow"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// expressions are the messages that Dialogflow has a form of its own for, or JSON has: by their full names, since the
// service's descriptors are its own.
var expressions = map[protoreflect.FullName]func(expression, []byte) (*structpb.Value, error){
	"google.protobuf.Struct":    inJSON(structpb.NewStructValue),
	"google.protobuf.ListValue": inJSON(structpb.NewListValue),
	"google.protobuf.Value":     inJSON(func(v *structpb.Value) *structpb.Value { return v }),

	"google.protobuf.DoubleValue": wrapped[*wrapperspb.DoubleValue],
	"google.protobuf.FloatValue":  wrapped[*wrapperspb.FloatValue],
	"google.protobuf.Int64Value":  wrapped[*wrapperspb.Int64Value],
	"google.protobuf.UInt64Value": wrapped[*wrapperspb.UInt64Value],
	"google.protobuf.Int32Value":  wrapped[*wrapperspb.Int32Value],
	"google.protobuf.UInt32Value": wrapped[*wrapperspb.UInt32Value],
	"google.protobuf.BoolValue":   wrapped[*wrapperspb.BoolValue],
	"google.protobuf.StringValue": wrapped[*wrapperspb.StringValue],
	"google.protobuf.BytesValue":  wrapped[*wrapperspb.BytesValue],

	"google.protobuf.Timestamp": known(expression.timestamp),
	"google.protobuf.Duration":  known(expression.duration),
	"google.type.Date":          known(expression.date),
	"google.type.TimeOfDay":     known(expression.timeOfDay),
	"google.type.DateTime":      known(expression.dateTime),
	"google.type.Interval":      known(expression.interval),
	"google.type.Money":         known(expression.money),
	"google.type.LatLng":        known(expression.latLng),
	"google.type.PostalAddress": known(expression.postalAddress),
	"intentgate.v1.Quantity":    known(expression.quantity),
}

// generated is a pointer to a generated message of type T.
type generated[T any] interface {
	*T
	proto.Message
}

// known reads a message for the function that makes its value.
func known[T any, M generated[T]](value func(expression, M) (*structpb.Value, error)) func(expression, []byte) (*structpb.Value, error) {
	return func(x expression, b []byte) (*structpb.Value, error) {
		into := M(new(T))
		if err := proto.Unmarshal(b, into); err != nil {
			return nil, err
		}
		return value(x, into)
	}
}

// inJSON is of a message that is a JSON value already.
func inJSON[T any, M generated[T]](value func(M) *structpb.Value) func(expression, []byte) (*structpb.Value, error) {
	return known(func(_ expression, m M) (*structpb.Value, error) { return value(m), nil })
}

// wrapped is the value of a wrapper.
func wrapped[M proto.Message](x expression, b []byte) (*structpb.Value, error) {
	var wrapper M
	field := wrapper.ProtoReflect().Descriptor().Fields().ByNumber(1)
	all, err := split(b)
	if err != nil {
		return nil, err
	}
	if found := all.of(1); len(found) > 0 {
		return x.scalar(field, found[len(found)-1])
	}
	return x.scalar(field, zero(field))
}

func object(members map[string]*structpb.Value) (*structpb.Value, error) {
	return structpb.NewStructValue(&structpb.Struct{Fields: members}), nil
}

func (x expression) timestamp(t *timestamppb.Timestamp) (*structpb.Value, error) {
	if err := t.CheckValid(); err != nil {
		return nil, err
	}
	if x.platform == dialogflow.CX && x.zone != nil {
		return object(civil(t.AsTime().In(x.zone)))
	}
	at := t.AsTime()
	if x.zone != nil {
		at = at.In(x.zone)
	}
	return structpb.NewStringValue(at.Format(time.RFC3339Nano)), nil
}

// civil is a date with its time in the members of CX.
func civil(t time.Time) map[string]*structpb.Value {
	return members(t.Year(), int(t.Month()), t.Day(), clock(t.Hour(), t.Minute(), t.Second(), t.Nanosecond()))
}

func members(year, month, day int, into map[string]*structpb.Value) map[string]*structpb.Value {
	for name, n := range map[string]int{"year": year, "month": month, "day": day} {
		if n != 0 { // a date may be without its year
			into[name] = integer(int64(n))
		}
	}
	return into
}

func clock(hours, minutes, seconds, nanos int) map[string]*structpb.Value {
	return map[string]*structpb.Value{
		"hours": integer(int64(hours)), "minutes": integer(int64(minutes)), "seconds": integer(int64(seconds)), "nanos": integer(int64(nanos)),
	}
}

func (x expression) date(d *date.Date) (*structpb.Value, error) {
	if x.platform == dialogflow.CX || d.GetYear() == 0 || d.GetMonth() == 0 || d.GetDay() == 0 {
		return object(members(int(d.GetYear()), int(d.GetMonth()), int(d.GetDay()), map[string]*structpb.Value{}))
	}
	return structpb.NewStringValue(fmt.Sprintf("%04d-%02d-%02d", d.GetYear(), d.GetMonth(), d.GetDay())), nil
}

func (x expression) timeOfDay(t *timeofday.TimeOfDay) (*structpb.Value, error) {
	hours, minutes, seconds, nanos := int(t.GetHours()), int(t.GetMinutes()), int(t.GetSeconds()), int(t.GetNanos())
	if x.platform == dialogflow.CX {
		return object(clock(hours, minutes, seconds, nanos))
	}
	return structpb.NewStringValue(fmt.Sprintf("%02d:%02d:%02d", hours, minutes, seconds) + fraction(nanos)), nil
}

// fraction is that of a second, with its point; "" for none.
func fraction(nanos int) string {
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf(".%09d", nanos), "0"), ".")
}

func (x expression) dateTime(t *datetime.DateTime) (*structpb.Value, error) {
	year, month, day := int(t.GetYear()), int(t.GetMonth()), int(t.GetDay())
	hours, minutes, seconds, nanos := int(t.GetHours()), int(t.GetMinutes()), int(t.GetSeconds()), int(t.GetNanos())
	if x.platform == dialogflow.CX || year == 0 || month == 0 || day == 0 {
		return object(members(year, month, day, clock(hours, minutes, seconds, nanos)))
	}
	text := fmt.Sprintf("%04d-%02d-%02dT%02d:%02d:%02d", year, month, day, hours, minutes, seconds) + fraction(nanos)
	switch offset := t.GetTimeOffset().(type) {
	case *datetime.DateTime_UtcOffset:
		zone := time.FixedZone("", int(offset.UtcOffset.GetSeconds()))
		text += time.Time{}.In(zone).Format("Z07:00")
	case *datetime.DateTime_TimeZone:
		zone, err := time.LoadLocation(offset.TimeZone.GetId())
		if err != nil {
			return nil, fmt.Errorf("time zone %q is not known", offset.TimeZone.GetId())
		}
		text += time.Date(year, time.Month(month), day, hours, minutes, seconds, nanos, zone).Format("Z07:00")
	}
	return structpb.NewStringValue(text), nil
}

func (x expression) duration(d *durationpb.Duration) (*structpb.Value, error) {
	if err := d.CheckValid(); err != nil {
		return nil, err
	}
	return object(map[string]*structpb.Value{
		"amount": amount(exact(d.GetSeconds(), d.GetNanos())), "unit": structpb.NewStringValue("s"),
	})
}

func (x expression) interval(i *interval.Interval) (*structpb.Value, error) {
	ends := map[string]*structpb.Value{}
	for name, end := range map[string]*timestamppb.Timestamp{"startDateTime": i.GetStartTime(), "endDateTime": i.GetEndTime()} {
		if end == nil {
			continue
		}
		value, err := x.timestamp(end)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		ends[name] = value
	}
	return object(ends)
}

func (x expression) money(m *money.Money) (*structpb.Value, error) {
	return object(map[string]*structpb.Value{
		"amount": amount(exact(m.GetUnits(), m.GetNanos())), "currency": structpb.NewStringValue(m.GetCurrencyCode()),
	})
}

func (x expression) quantity(q *intentgatev1.Quantity) (*structpb.Value, error) {
	return object(map[string]*structpb.Value{"amount": amount(q.GetAmount()), "unit": structpb.NewStringValue(q.GetUnit())})
}

// exact is units and nanos of one sign in decimal.
func exact(units int64, nanos int32) string {
	text := strconv.FormatInt(units, 10)
	if nanos < 0 {
		nanos = -nanos
		if units == 0 {
			text = "-0"
		}
	}
	return text + fraction(int(nanos))
}

// amount is a number where a double holds it, else its digits as a text.
func amount(text string) *structpb.Value {
	if f, ok := double(text); ok && jsontext.Value(text).IsValid() { // Go knows more numbers than JSON
		return structpb.NewNumberValue(f)
	}
	return structpb.NewStringValue(text)
}

func (x expression) latLng(l *latlng.LatLng) (*structpb.Value, error) {
	return object(map[string]*structpb.Value{"latitude": real(l.GetLatitude(), 64), "longitude": real(l.GetLongitude(), 64)})
}

// postalAddress is a @sys.location.
func (x expression) postalAddress(a *postaladdress.PostalAddress) (*structpb.Value, error) {
	location := map[string]*structpb.Value{}
	for name, text := range map[string]string{
		"business-name": a.GetOrganization(), "street-address": strings.Join(a.GetAddressLines(), ", "), "zip-code": a.GetPostalCode(),
		"city": a.GetLocality(), "admin-area": a.GetAdministrativeArea(), "subadmin-area": a.GetSublocality(), "country": a.GetRegionCode(),
	} {
		if text != "" {
			location[name] = structpb.NewStringValue(text)
		}
	}
	return object(location)
}

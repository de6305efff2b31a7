package binding

import "google.golang.org/protobuf/reflect/protoreflect"

// amount takes an object of an amount and what it is an amount of apart.
func (b *binder) amount(raw []byte, names ...string) (amount, of []byte, ok bool) {
	members := b.spread(raw)
	amount = b.digits(part(members, "amount"))
	return amount, b.unquote(part(members, names...)), amount != nil
}

// exactly returns the units and the thousand millionths of a number of JSON's, both of its sign. It is not ok if that
// is not all of it.
func exactly(text []byte) (units int64, nanos int32, ok bool) {
	var a [32]byte
	digits, scale, ok := decimal(a[:0], string(text))
	if !ok || !isNumber(text) || scale < -9 || len(digits)+scale > 18 {
		return 0, 0, false
	}
	weight := int32(1_000_000_000)
	for range -min(len(digits)+scale, 0) {
		weight /= 10
	}
	for i := range len(digits) + max(scale, 0) {
		digit := byte(0)
		if i < len(digits) {
			digit = digits[i] - '0'
		}
		if i < len(digits)+scale {
			units = units*10 + int64(digit)
		} else {
			weight /= 10
			nanos += weight * int32(digit)
		}
	}
	if text[0] == '-' {
		units, nanos = -units, -nanos
	}
	return units, nanos, true
}

// code returns a text of so many letters in upper case, such as EUR.
func (b *binder) code(text []byte, letters int) (code []byte, ok bool) {
	code, ok = b.keep(append(b.kept, text...)), len(text) == letters
	for i, c := range code {
		code[i] = c &^ ('a' - 'A') // upper case, if it is a letter
		ok = ok && 'A' <= code[i] && code[i] <= 'Z'
	}
	return code, ok
}

func writeMoney(b *binder, raw []byte) (bool, *misfit) {
	amount, currency, ok := b.amount(raw, "currency", "currencycode")
	units, nanos, exact := exactly(amount)
	currency, letters := b.code(currency, 3)
	if !ok || !exact || !letters {
		return false, unfit(raw, "an amount of at most 9 decimals and a currency of three letters")
	}
	b.bytes(1, currency)
	b.varint(2, units)
	b.varint(3, int64(nanos))
	return true, nil
}

// writeQuantity writes an amount and its unit, as they are written, or a number without a unit.
func writeQuantity(b *binder, raw []byte) (bool, *misfit) {
	amount, unit, ok := b.amount(raw, "unit")
	if !ok {
		amount, unit = b.digits(raw), nil
	}
	if amount == nil {
		return false, unfit(raw, "an amount and a unit")
	}
	b.bytes(1, amount)
	if len(unit) > 0 {
		b.bytes(2, unit)
	}
	return true, nil
}

func writeLatLng(b *binder, raw []byte) (bool, *misfit) {
	members := b.spread(raw)
	latitude, ok := b.float(part(members, "latitude", "lat"), 64)
	longitude, also := b.float(part(members, "longitude", "lng"), 64)
	if !ok || !also || latitude < -90 || latitude > 90 || longitude < -180 || longitude > 180 {
		return false, unfit(raw, "a latitude and a longitude in degrees")
	}
	b.double(1, latitude)
	b.double(2, longitude)
	return true, nil
}

// The fields of google.type.PostalAddress that are written.
const (
	addressRegion       field = 2
	addressLines        field = 9
	addressOrganization field = 11
)

// addressParts are the members of @sys.location by the fields that hold them, in the order of the address's lines.
var addressParts = []struct {
	field field
	name  string
}{
	{addressOrganization, "businessname"},
	{addressLines, "shortcut"},
	{addressLines, "streetaddress"},
	{addressLines, "island"},
	{4, "zipcode"},      // postal_code
	{6, "adminarea"},    // administrative_area
	{7, "city"},         // locality
	{8, "subadminarea"}, // sublocality
}

// writePostalAddress writes a location. One of which nothing is known but how the user said it, and a text, is a line.
func writePostalAddress(b *binder, raw []byte) (bool, *misfit) {
	line := scalarWriter(protoreflect.StringKind)
	if kind(raw) == '"' {
		return b.put(addressLines, &line, raw)
	}
	members := b.spread(raw)
	start := len(b.b)
	for _, p := range addressParts {
		if _, m := b.put(p.field, &line, part(members, p.name)); m != nil {
			return false, m
		}
	}
	if country := part(members, "country"); country != nil {
		n := addressLines
		if code, ok := b.code(b.unquote(country), 2); ok {
			n, country = addressRegion, b.keep(append(append(append(b.kept, '"'), code...), '"'))
		}
		if _, m := b.put(n, &line, country); m != nil {
			return false, m
		}
	}
	if len(b.b) == start {
		if set, m := b.put(addressLines, &line, part(members, "original")); set || m != nil {
			return set, m
		}
		return false, unfit(raw, "a location")
	}
	return true, nil
}

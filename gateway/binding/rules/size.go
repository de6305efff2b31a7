package rules

// size is a bound that is linear in the sizes of what is not known before there is a request: a fixed part, one for each byte of
// `this`, and one for each byte of the element of each list that is being gone through, from the outermost on.
//
// Being linear makes it a good bound. What it costs to go through the elements of a list depends on their bytes together, however
// they are distributed, and these are not more than those of the list.
type size [2 + maxLoops]float64

// maxLoops is how deep loops may be nested in each other.
const maxLoops = 6

// The places in a size.
const (
	fixed = iota
	this
	loops // the first one
)

func exactly(n float64) size { return size{fixed: n} }

func (s size) plus(other size) size {
	for i := range s {
		s[i] += other[i]
	}
	return s
}

func (s size) times(n float64) size {
	if n == 0 {
		return size{}
	}
	for i := range s {
		if s[i] != 0 {
			s[i] *= n
		}
	}
	return s
}

// most is at least as large as both.
func (s size) most(other size) size {
	for i := range s {
		s[i] = max(s[i], other[i])
	}
	return s
}

// looped is what is the case n times, for elements that are of some bytes together, where s is for the element in a place.
func (s size) looped(place int, n float64, together size) size {
	each := s[place]
	s[place] = 0
	return s.times(n).plus(together.times(each))
}

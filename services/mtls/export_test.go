package mtls

import "time"

// Again sets how often files are read without an event.
func Again(o Options, every time.Duration) Options {
	o.again = every
	return o
}

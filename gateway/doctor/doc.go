// Package doctor examines what mutual TLS needs at both of its ends, and says what it found as a [Report]: for each
// check a verdict, what was seen, what was wanted, and what to do about it.
package doctor

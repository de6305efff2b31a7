package main

import (
	"os"
	"testing"
)

// TestMain runs the tests, unless this is a process of one of them: a service to be judged, or the program itself.
func TestMain(m *testing.M) {
	if os.Getenv(programVariable) != "" {
		main()
		return
	}
	if os.Getenv(judgedVariable) != "" {
		if judged() != 0 {
			panic("the service failed")
		}
		return
	}
	m.Run()
}

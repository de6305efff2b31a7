//go:build race

package main

// crowd is smaller where each connection costs ten times as much.
const crowd = 1000

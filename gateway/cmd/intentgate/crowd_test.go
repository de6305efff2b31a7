//go:build !race

package main

// crowd is how many idle connections there are to be.
const crowd = 5000

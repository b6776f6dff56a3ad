// Package goroutine identifies goroutines.
package goroutine

// ID is a goroutine among those that exist. The zero value is no goroutine.
type ID uintptr

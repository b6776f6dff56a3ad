package sizing

import (
	"fmt"
	"math"
	"time"
)

// maxConnections is the maximum of PostgreSQL's max_connections, and so of a pool. It bounds the work of every
// calculation, and no sum of such numbers overflows an int.
const maxConnections = 262143

func checkRange(name string, n, least int) error {
	if n < least || n > maxConnections {
		return fmt.Errorf("sizing: %s %d is not between %d and %d", name, n, least, maxConnections)
	}
	return nil
}

func checkNotNegative(name string, d time.Duration) error {
	if d < 0 {
		return fmt.Errorf("sizing: %s %v is negative", name, d)
	}
	return nil
}

func checkFraction(name string, p float64) error {
	if !(p > 0 && p < 1) {
		return fmt.Errorf("sizing: %s %v is not above 0 and below 1: 0.99 is 99 %%", name, p)
	}
	return nil
}

// roundNearInteger removes floating-point errors from whole numbers. 100 × 0.07 is 7.000000000000001, which needs no
// 8th connection. 100 × 0.29 is 28.999999999999996, which overloads 29 connections.
func roundNearInteger(x float64) float64 {
	if n := math.Round(x); math.Abs(x-n) <= n*1e-9 {
		return n
	}
	return x
}

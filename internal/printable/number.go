package printable

import (
	"fmt"
	"math"
)

// Number formats a number with at most three digits, and a whole number with all of its digits.
func Number(value float64) string {
	if value == math.Trunc(value) && math.Abs(value) < 1e15 {
		return fmt.Sprintf("%.0f", value)
	}
	if math.Abs(value) >= 100 {
		return fmt.Sprintf("%.0f", value)
	}
	return fmt.Sprintf("%.3g", value)
}

// Seconds formats a time with a suitable unit.
func Seconds(s float64) string {
	switch abs := math.Abs(s); {
	case abs == 0:
		return "0 s"
	case abs < 0.001:
		return Number(s*1e6) + " µs"
	case abs < 1:
		return Number(s*1e3) + " ms"
	case abs < 120:
		return Number(s) + " s"
	case abs < 2*3600:
		return Number(s/60) + " min"
	default:
		return Number(s/3600) + " h"
	}
}

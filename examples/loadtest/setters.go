package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

func (s *settings) setPreset(text string) error {
	if _, known := presets[text]; !known {
		return errors.New("want development, staging or production")
	}
	s.preset = text
	return nil
}

// setNumber accepts any whole number. The Sizing checks its range, with better errors.
func setNumber(to **int) func(string) error {
	return func(text string) error {
		n, err := strconv.Atoi(text)
		if err != nil {
			return errors.New("want a whole number")
		}
		*to = &n
		return nil
	}
}

// setCount accepts a whole number from 1.
func setCount(to *int) func(string) error {
	return func(text string) error {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return errors.New("want a whole number, at least 1")
		}
		*to = n
		return nil
	}
}

func setDuration(to *time.Duration) func(string) error {
	return func(text string) error {
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 || d > maxDuration {
			return errors.New("want a time above 0 and at most 24h, such as 10s or 2m")
		}
		*to = d
		return nil
	}
}

func setText(to *string, want string) func(string) error {
	return func(text string) error {
		if strings.TrimSpace(text) == "" {
			return errors.New(want)
		}
		*to = text
		return nil
	}
}

func (s *settings) setQuery(name string) func(string) error {
	return func(text string) error {
		if strings.TrimSpace(text) == "" {
			return errors.New("want SQL, such as " + defaultQuery)
		}
		s.statements = []statement{{weight: 1, name: operation, sql: text, source: name}}
		return nil
	}
}

func (s *settings) setRate(text string) error {
	rate, err := strconv.ParseFloat(text, 64)
	if err != nil || !(rate > 0 && rate <= maxRate) {
		return fmt.Errorf("want requests a second, above 0 and at most %d", maxRate)
	}
	s.rate = rate
	return nil
}

func (s *settings) setSizes(text string) error {
	s.sizes = nil
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || n < 1 || n > maxSize {
			return fmt.Errorf("want numbers of connections from 1 to %d, such as 2,4,8", maxSize)
		}
		s.sizes = append(s.sizes, n)
	}
	return nil
}

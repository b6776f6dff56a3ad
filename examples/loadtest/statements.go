package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// maxWeight bounds a weight, so that no sum of weights overflows.
const maxWeight = 1_000_000

// statement is one of the statements of the load.
type statement struct {
	weight int    // its share of the requests, in relation to the other weights
	name   string // of its operation; if empty, otelpool summarizes its text
	sql    string
	source string // for errors, such as queries.sql:3
}

// header matches the comment before a statement of a file, and anyHeader a line that is meant to be one.
var (
	header    = regexp.MustCompile(`^--\s*name:\s*(\S+)(?:\s+weight:\s*(\d+))?\s*$`)
	anyHeader = regexp.MustCompile(`^--\s*(?:name|weight)\b`)
)

const headerWanted = `want "-- name: get_user" or "-- name: get_user weight: 3", a weight from 1 to 1000000`

func readStatements(path string) ([]statement, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parseStatements(path, string(text))
}

// parseStatements parses a file of statements. A statement is the lines between its header and the next.
func parseStatements(path, text string) ([]statement, error) {
	var all []statement
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, "\r\n")
		wrong := func(want string) error { return fmt.Errorf("%s:%d: %q: %s", path, n, line, want) }
		trimmed := strings.TrimSpace(line)
		switch {
		case anyHeader.MatchString(trimmed):
			found := header.FindStringSubmatch(trimmed)
			if found == nil {
				return nil, wrong(headerWanted)
			}
			s := statement{weight: 1, name: found[1], source: fmt.Sprintf("%s:%d", path, n)}
			if found[2] != "" {
				var err error
				if s.weight, err = strconv.Atoi(found[2]); err != nil || s.weight < 1 || s.weight > maxWeight {
					return nil, wrong(headerWanted)
				}
			}
			all = append(all, s)
		case len(all) > 0:
			all[len(all)-1].sql += line + "\n"
		case trimmed != "" && !strings.HasPrefix(trimmed, "--"):
			return nil, wrong("SQL before the first name; " + headerWanted + ", in the line before")
		}
	}
	for i := range all {
		if all[i].sql = strings.TrimSuffix(strings.TrimSpace(all[i].sql), ";"); all[i].sql == "" {
			return nil, fmt.Errorf(`%s: "-- name: %s": no SQL follows; want a statement in the lines after it`,
				all[i].source, all[i].name)
		}
	}
	if len(all) == 0 {
		return nil, errors.New(path + ": it has no statement; " + headerWanted + ", and the statement in the lines after it")
	}
	return all, nil
}

// pick returns a random statement by the weights.
func pick(all []statement) statement {
	total := 0
	for _, s := range all {
		total += s.weight
	}
	at := rand.IntN(total)
	for _, s := range all {
		if at -= s.weight; at < 0 {
			return s
		}
	}
	return all[0] // unreachable
}

// describeStatements describes the load in a line.
func describeStatements(all []statement) string {
	if len(all) == 1 {
		return strings.Join(strings.Fields(all[0].sql), " ")
	}
	names := make([]string, len(all))
	for i, s := range all {
		names[i] = fmt.Sprintf("%d %s", s.weight, s.name)
	}
	return "by weight " + strings.Join(names, ", ")
}

// Package display formats the examples' output on a terminal.
package display

import (
	"fmt"
	"maps"
	"math"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Seconds formats a time with two or three digits; buckets are not more precise.
func Seconds(s float64) string {
	switch {
	case math.IsNaN(s):
		return "-"
	case s < 0.001:
		return fmt.Sprintf("%.2f ms", s*1e3)
	case s < 0.01:
		return fmt.Sprintf("%.1f ms", s*1e3)
	case s < 1:
		return fmt.Sprintf("%.0f ms", s*1e3)
	default:
		return fmt.Sprintf("%.1f s", s)
	}
}

// Counts formats counts by kind, and returns "-" if there are none.
func Counts(counts map[string]int) string {
	if len(counts) == 0 {
		return "-"
	}
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d×%s", counts[kind], kind))
	}
	return strings.Join(parts, ", ")
}

// OneLine returns an error of pgx in one line, without the password. Its text has a line for each attempt to connect;
// equal lines appear only once.
func OneLine(err error) string {
	var lines []string
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, " ")
}

// Server returns the version, database and address of a connection's server. The address may be the folder of a Unix socket.
func Server(conn *pgx.Conn) string {
	// Packagers add text after a space: 17.5 (Debian 17.5-1).
	version, _, _ := strings.Cut(conn.PgConn().ParameterStatus("server_version"), " ")
	config := conn.Config()
	host := config.Host
	if !filepath.IsAbs(host) {
		host = net.JoinHostPort(host, strconv.Itoa(int(config.Port)))
	}
	return fmt.Sprintf("PostgreSQL %s, database %s at %s", version, config.Database, host)
}

// IsTerminal reports whether a file is a terminal.
func IsTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

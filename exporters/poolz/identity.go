package poolz

import (
	"fmt"
	"hash/fnv"
	"strings"
)

// maxID is how many characters of a name an id has.
const maxID = 80

// poolIDs returns the ids of pools for links. They depend only on the names, so that links stay valid, and consist of
// characters that need no escaping in a URL, an attribute or a selector.
func poolIDs(pools []Pool) []string {
	seen := make(map[string]int)
	var ids []string
	for _, p := range pools {
		id := "pool-" + idOf(p.Report.Pool)
		if seen[id]++; seen[id] > 1 { // no other id ends like this, because an escape has two digits
			id = fmt.Sprintf("%s~%d~", id, seen[id])
		}
		ids = append(ids, id)
	}
	return ids
}

// idOf escapes a name. Different names have different ids.
func idOf(name string) string {
	var b strings.Builder
	for i := range len(name) {
		if c := name[i]; c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "~%02x", c)
		}
		if b.Len() > maxID {
			return b.String()[:maxID] + "~~" + key(name)
		}
	}
	return b.String()
}

// key returns a short text by which the page's script recognizes a row or a finding.
func key(parts ...string) string {
	h := fnv.New64a()
	for _, part := range parts {
		_, _ = h.Write([]byte(part))
		_, _ = h.Write([]byte{0})
	}
	return fmt.Sprintf("%x", h.Sum64())
}

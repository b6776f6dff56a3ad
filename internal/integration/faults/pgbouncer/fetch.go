package pgbouncer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// fetchTimeout allows for a slow connection: the packages are about 5 MB, the lists of packages about 30 MB.
const fetchTimeout = 5 * time.Minute

// fetchScript unpacks the distribution's package pgbouncer, and the libraries that it needs and that are not installed,
// into the folder root of its working directory. A new machine may have no lists of packages yet; lists in a folder of
// our own need no privileges. Some packages have their libraries in lib, not in usr/lib.
const fetchScript = `
apt() { apt-get --quiet "$@"; }
apt download pgbouncer || {
	mkdir -p state/lists/partial cache/archives/partial
	apt() {
		apt-get --quiet -o Dir::State="$PWD/state" -o Dir::Cache="$PWD/cache" -o Dir::State::status=/var/lib/dpkg/status \
			-o APT::Sandbox::User= -o Debug::NoLocking=1 "$@"
	}
	apt update
	apt download pgbouncer
}
for library in $(dpkg-deb --field pgbouncer_*.deb Depends | tr , '\n' | sed -n 's/^ *\(lib[^ ]*\).*/\1/p'); do
	dpkg-query --show --showformat '${db:Status-Status}\n' "$library" 2>/dev/null | grep -qx installed || apt download "$library"
done
for archive in *.deb; do dpkg-deb --extract "$archive" root; done
if [ -d root/lib ] && [ ! -L root/lib ]; then cp -R root/lib/. root/usr/lib; fi
chmod 755 root`

// Fetch downloads the distribution's package pgbouncer, and missing libraries that it needs, into the cache folder.
// It works on Debian and derived distributions. The error says what else to do.
func Fetch(ctx context.Context) (Program, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	p, err := fetch(ctx)
	if err != nil {
		return Program{}, errMissing(fmt.Errorf("fetch: %w", err))
	}
	return p, nil
}

func fetch(ctx context.Context) (Program, error) {
	dir, err := fetchedDir()
	if err != nil {
		return Program{}, err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return Program{}, err
	}
	staging, err := os.MkdirTemp(filepath.Dir(dir), "pgbouncer-fetch-")
	if err != nil {
		return Program{}, err
	}
	defer os.RemoveAll(staging)
	cmd := exec.CommandContext(ctx, "sh", "-ec", fetchScript)
	cmd.Dir = staging
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	if out, err := cmd.CombinedOutput(); err != nil {
		return Program{}, fmt.Errorf("%w: %s", err, out)
	}
	if p, err := unpacked(ctx, dir); err == nil {
		return p, nil // another process has installed its own in the meantime
	}
	if err := errors.Join(os.RemoveAll(dir), os.Rename(filepath.Join(staging, "root"), dir)); err != nil {
		return Program{}, err
	}
	return unpacked(ctx, dir)
}

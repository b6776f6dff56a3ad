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
// into the folder root of its working directory. It downloads its own lists of packages, which needs no privileges.
// Some packages have their libraries in lib, not in usr/lib.
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

// fetch downloads the distribution's package pgbouncer, and missing libraries that it needs, into a folder. It works on
// Debian and derived distributions.
func fetch(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	staging, err := os.MkdirTemp(filepath.Dir(dir), "pgbouncer-fetch-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(staging)
	cmd := exec.CommandContext(ctx, "sh", "-ec", fetchScript)
	cmd.Dir = staging
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	if unpacked(dir).check(ctx) == nil {
		return nil // another process has installed its own in the meantime
	}
	return errors.Join(os.RemoveAll(dir), os.Rename(filepath.Join(staging, "root"), dir))
}

//go:build unix && !aix && !solaris

package postgres

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// copyTree copies a folder of plain files and folders to dst, which must not exist. The account owns the copy.
func copyTree(src, dst string, a *account) error {
	return filepath.WalkDir(src, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(src, path)
		if err != nil {
			return err
		}
		target := filepath.Join(dst, rel)
		switch {
		case entry.IsDir():
			if err := os.Mkdir(target, 0o700); err != nil {
				return err
			}
			return a.own(target)
		case entry.Type().IsRegular():
			return copyFile(path, target, a)
		}
		return fmt.Errorf("%s is not a file or a folder", path)
	})
}

func copyFile(src, dst string, a *account) (err error) {
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(dst, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if a != nil {
		if err := out.Chown(int(a.uid), int(a.gid)); err != nil {
			return err
		}
	}
	_, err = io.Copy(out, in)
	return err
}

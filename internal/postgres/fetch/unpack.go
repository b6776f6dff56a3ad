package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/xi2/xz"
)

// maxUnpacked is much larger than the programs.
const maxUnpacked = 2 << 30

// unpack unpacks the tar.xz archive of a jar into a folder, which must not exist.
func unpack(ctx context.Context, jar []byte, dir string) error {
	archive, err := zip.NewReader(bytes.NewReader(jar), int64(len(jar)))
	if err != nil {
		return fmt.Errorf("fetch: open the jar: %w", err)
	}
	for _, file := range archive.File {
		if strings.HasSuffix(file.Name, ".txz") && !file.FileInfo().IsDir() {
			if err := unpackFile(ctx, file, dir); err != nil {
				return fmt.Errorf("fetch: unpack %s: %w", file.Name, err)
			}
			return nil
		}
	}
	return errors.New("fetch: the jar contains no .txz archive")
}

func unpackFile(ctx context.Context, file *zip.File, dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir) // no entry's name or link can leave the folder
	if err != nil {
		return err
	}
	defer root.Close()
	in, err := file.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	plain, err := xz.NewReader(in, 0)
	if err != nil {
		return err
	}
	limited := &io.LimitedReader{R: plain, N: maxUnpacked}
	entries := tar.NewReader(limited)
	for {
		entry, err := entries.Next()
		if err == io.EOF && limited.N > 0 {
			// A checksum follows the data it covers, so read to the end.
			_, xzErr := io.Copy(io.Discard, limited)
			_, zipErr := io.Copy(io.Discard, in)
			return errors.Join(xzErr, zipErr)
		}
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = writeEntry(root, entry, entries)
		}
		if err != nil {
			return err
		}
	}
}

// writeEntry writes one entry of the archive. Everyone can read the file, because the server may run as another user.
func writeEntry(root *os.Root, entry *tar.Header, content io.Reader) error {
	name := path.Clean(entry.Name)
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	switch entry.Typeflag {
	case tar.TypeDir:
		return root.MkdirAll(name, 0o755)
	case tar.TypeReg:
		mode := fs.FileMode(0o644)
		if entry.Mode&0o100 != 0 {
			mode = 0o755
		}
		out, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
		if err != nil {
			return err
		}
		_, err = io.Copy(out, content)
		return errors.Join(err, out.Close())
	case tar.TypeSymlink:
		if !filepath.IsLocal(path.Join(path.Dir(name), entry.Linkname)) || path.IsAbs(entry.Linkname) {
			return fmt.Errorf("%s is a link to %s, outside the archive", name, entry.Linkname)
		}
		return root.Symlink(entry.Linkname, name)
	}
	return fmt.Errorf("%s is not a file, folder or link", name)
}

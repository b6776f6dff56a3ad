package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/internal/postgres"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// entry is one entry of an archive.
type entry struct {
	name, link, content string
	mode                int64
}

// archive returns a jar that contains a .txz of the entries.
func archive(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var tarred bytes.Buffer
	w := tar.NewWriter(&tarred)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Typeflag: tar.TypeReg, Size: int64(len(e.content)), Mode: e.mode}
		if e.link != "" {
			h.Typeflag, h.Linkname = tar.TypeSymlink, e.link
		}
		if strings.HasSuffix(e.name, "/") {
			h.Typeflag = tar.TypeDir
		}
		testutil.NoError(t, w.WriteHeader(h))
		if _, err := w.Write([]byte(e.content)); err != nil {
			t.Fatal(err)
		}
	}
	testutil.NoError(t, w.Close())
	return jar(t, "postgres-linux-x86_64.txz", xzStore(tarred.Bytes()))
}

func jar(t *testing.T, name string, content []byte) []byte {
	t.Helper()
	var zipped bytes.Buffer
	z := zip.NewWriter(&zipped)
	for name, content := range map[string][]byte{"META-INF/MANIFEST.MF": nil, name: content} {
		f, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		testutil.NoError(t, err)
		if _, err := f.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	testutil.NoError(t, z.Close())
	return zipped.Bytes()
}

// xzStore wraps data in the xz format without compression: one block of stored LZMA2 chunks.
func xzStore(data []byte) []byte {
	le32 := binary.LittleEndian.AppendUint32
	flags := []byte{0, 1} // check: CRC32
	out := append([]byte("\xFD7zXZ\x00"), flags...)
	out = le32(out, crc32.ChecksumIEEE(flags))

	// Size 12, one filter, no sizes; LZMA2 with the smallest dictionary; padding.
	header := []byte{2, 0, 0x21, 1, 0, 0, 0, 0}
	start := len(out)
	out = le32(append(out, header...), crc32.ChecksumIEEE(header))
	for rest, control := data, byte(1); len(rest) > 0; control = 2 {
		n := min(len(rest), 1<<16)
		out = append(out, control, byte((n-1)>>8), byte(n-1))
		out = append(out, rest[:n]...)
		rest = rest[n:]
	}
	out = append(out, 0)
	unpadded := len(out) - start + crc32.Size
	for (len(out)-start)%4 != 0 {
		out = append(out, 0)
	}
	out = le32(out, crc32.ChecksumIEEE(data))

	index := binary.AppendUvarint([]byte{0, 1}, uint64(unpadded))
	index = binary.AppendUvarint(index, uint64(len(data)))
	for len(index)%4 != 0 {
		index = append(index, 0)
	}
	out = le32(append(out, index...), crc32.ChecksumIEEE(index))
	footer := append(le32(nil, uint32(len(index)+4)/4-1), flags...)
	out = le32(out, crc32.ChecksumIEEE(footer))
	return append(append(out, footer...), "YZ"...)
}

// repository serves a jar and its checksum for this platform.
func repository(t *testing.T, jar []byte) *httptest.Server {
	t.Helper()
	sum := sha256.Sum256(jar)
	return serve(t, map[string]http.HandlerFunc{
		"":        func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(jar) },
		".sha256": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(hex.EncodeToString(sum[:]))) },
	})
}

// serve serves the jar of this platform and its checksum. The key of a handler is the suffix after the jar's name.
func serve(t *testing.T, handlers map[string]http.HandlerFunc) *httptest.Server {
	t.Helper()
	name, err := platform()
	testutil.NoError(t, err)
	mux := http.NewServeMux()
	for suffix, handler := range handlers {
		mux.HandleFunc("GET /maven2/io/zonky/test/postgres/embedded-postgres-binaries-"+name+"/"+version+
			"/embedded-postgres-binaries-"+name+"-"+version+".jar"+suffix, handler)
	}
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// machinesPrograms returns the entries of an archive with this machine's server programs.
func machinesPrograms(t *testing.T) []entry {
	t.Helper()
	bin, err := postgres.FindBinaries()
	testutil.NoError(t, err)
	var entries []entry
	add := func(name string, mode int64) {
		content, err := os.ReadFile(filepath.Join(filepath.Dir(bin), name))
		testutil.NoError(t, err)
		entries = append(entries, entry{name: filepath.ToSlash(name), content: string(content), mode: mode})
	}
	add("bin/initdb", 0o755)
	add("bin/postgres", 0o755)
	// The programs of some packages look for lib and share elsewhere; link them.
	for _, dir := range []string{"lib", "share"} {
		root := os.DirFS(filepath.Dir(bin))
		_ = walkFiles(root, dir, func(name string) { add(name, 0o644) })
	}
	return entries
}

package poolz

import (
	"embed"
	"path"
)

//go:embed poolz.css *.js uplot/uPlot.*
var embedded embed.FS

// assets are the files that the page loads, by name.
var assets = load("poolz.css", "app.js", "morph.js", "plots.js", "tables.js", "uplot/uPlot.iife.min.js", "uplot/uPlot.min.css", "uplot/uPlot.LICENSE.txt")

type asset struct {
	contentType string
	body        []byte
}

// load returns embedded files by name, without their folder.
func load(files ...string) map[string]asset {
	types := map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".txt": typeText}
	loaded := make(map[string]asset)
	for _, file := range files {
		body, err := embedded.ReadFile(file)
		if err != nil {
			panic(err) // file is a constant
		}
		loaded[path.Base(file)] = asset{types[path.Ext(file)], body}
	}
	return loaded
}

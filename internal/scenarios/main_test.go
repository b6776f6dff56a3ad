package scenarios

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/internal/postgres"
)

var (
	update  = flag.Bool("update", false, "update the table of docs/diagnosis.md")
	healthy = flag.Duration("healthy", time.Minute, "how long the healthy service is watched at each load")
	dump    = flag.String("dump", "", "folder for the incidents of runbook_test.go; each trouble then lasts for at least 21 s")
)

// server is the server of all scenarios. It is never that of DATABASE_URL, because scenarios change roles and limits.
var server *postgres.Server

// atOnce is how many scenarios run at the same time. They mostly wait.
const atOnce = 8

func TestMain(m *testing.M) {
	flag.Parse()
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if !chosen {
		if err := flag.Set("test.parallel", strconv.Itoa(atOnce)); err != nil {
			panic(err)
		}
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var err error
	if server, err = postgres.Start(ctx, postgres.WithMaxConnections(50*atOnce)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer server.Stop()
	return m.Run()
}

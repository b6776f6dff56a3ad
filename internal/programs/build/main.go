// Command build builds the programs that the tests run beside a service.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/otelpool/otelpool-go/internal/programs"
)

func main() {
	for _, program := range programs.All() {
		path, err := program.Build(context.Background())
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(path)
	}
}

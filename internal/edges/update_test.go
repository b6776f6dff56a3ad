package edges_test

import "flag"

// update makes the tests write the generated files instead of comparing them.
var update = flag.Bool("update", false, "write the generated parts of the configurations")

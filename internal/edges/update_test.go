package edges_test

import "flag"

// update makes the tests write the generated files anew, where they otherwise compare.
var update = flag.Bool("update", false, "write the generated parts of the configurations anew")

// Package postgrestest creates a database for each test on one server that all tests of a process share.
//
// A package that uses it has the line
//
//	func TestMain(m *testing.M) { postgrestest.Main(m) }
//
// The server starts when the first test asks for a database. If DATABASE_URL is set, the package uses its server, never
// stops it, and drops only the databases it has created. A test that cannot get a database fails.
package postgrestest

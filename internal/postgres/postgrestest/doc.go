// Package postgrestest gives each test a database of its own on one server that all tests of a process share.
//
// A package that uses it has the line
//
//	func TestMain(m *testing.M) { postgrestest.Main(m) }
//
// The server is started when the first test asks for a database. With DATABASE_URL set, its server is used, never
// stopped, and only databases made here are dropped from it. A test that cannot have a database fails; none is skipped.
package postgrestest

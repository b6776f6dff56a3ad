// Package otelpooltest helps to test code that uses a pool of package otelpool: that it gives every connection back, and
// that it asks the database what it should and no more.
//
//	func TestUserIsReadInOneQuery(t *testing.T) {
//		rec := otelpooltest.NewRecorder(t)
//		pool, inst, err := otelpool.New(t.Context(), os.Getenv("DATABASE_URL"), rec.Option(), otelpool.WithLongHold(time.Minute))
//		if err != nil {
//			t.Fatal(err)
//		}
//		t.Cleanup(func() {
//			if otelpooltest.AssertNoLeaks(t, inst) {
//				pool.Close() // would wait for ever for a connection that nobody gives back
//			}
//			inst.Unregister()
//		})
//
//		getUser(t.Context(), pool, "postgres")
//
//		if n := rec.Operations("get_user"); n != 1 {
//			t.Errorf("%d queries for one user", n)
//		}
//	}
//
// [otelpool.WithLongHold] has the stacks kept that AssertNoLeaks shows; its threshold does not matter here. The Option of
// the Recorder has the pool measured at all, without which AssertNoLeaks knows of no connection.
//
// All functions and methods are safe for concurrent use.
package otelpooltest

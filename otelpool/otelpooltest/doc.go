// Package otelpooltest tests code that uses a pool of package otelpool: whether it releases every connection, and which
// operations it runs.
//
//	func TestUserIsReadInOneQuery(t *testing.T) {
//		rec := otelpooltest.NewRecorder(t)
//		pool, inst, err := otelpool.New(t.Context(), os.Getenv("DATABASE_URL"), rec.Option(), otelpool.WithLongHold(time.Minute))
//		if err != nil {
//			t.Fatal(err)
//		}
//		t.Cleanup(func() {
//			if otelpooltest.AssertNoLeaks(t, inst) {
//				pool.Close() // waits for every connection, so it would hang on a leak
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
// [otelpool.WithLongHold] makes the pool keep the stacks that AssertNoLeaks prints; its threshold does not matter here. The
// Option of the Recorder makes the pool record metrics, without which AssertNoLeaks finds no connection.
//
// All functions and methods are safe for concurrent use.
package otelpooltest

package play

import (
	"runtime"
	"sync"
)

// Each calls run for every job on n goroutines (0: one a processor) and
// returns the results in the order of the jobs. Jobs share nothing, so that
// order is all that n could change. done, if not nil, is called with each
// result as it comes, from one goroutine at a time.
func Each[J, R any](jobs []J, n int, run func(J) R, done func(R)) []R {
	if n <= 0 {
		n = runtime.GOMAXPROCS(0)
	}
	results := make([]R, len(jobs))
	next := make(chan int)
	var wg sync.WaitGroup
	var mu sync.Mutex
	for range min(n, len(jobs)) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range next {
				results[i] = run(jobs[i])
				if done != nil {
					mu.Lock()
					done(results[i])
					mu.Unlock()
				}
			}
		}()
	}
	for i := range jobs {
		next <- i
	}
	close(next)
	wg.Wait()
	return results
}

package web

import "sync"

// places bounds how much of something goes on at a time, for each account and
// in all.
type places struct {
	most int // of all accounts, 0 for no bound
	each int // of one account

	mu    sync.Mutex
	total int
	of    map[int64]int
}

// take takes a place, if there is one. Who got it gives it back.
func (p *places) take(account int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.most > 0 && p.total >= p.most || p.of[account] >= p.each {
		return false
	}
	if p.of == nil {
		p.of = map[int64]int{}
	}
	p.total++
	p.of[account]++
	return true
}

func (p *places) give(account int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.total--
	if p.of[account]--; p.of[account] == 0 {
		delete(p.of, account)
	}
}

package lua53

// Waiting counts the coroutines that yielded and that something may still
// resume.
func (vm *VM) Waiting() int {
	w := newWalk(vm)
	w.roots()
	w.drain(false)
	return w.waiting
}

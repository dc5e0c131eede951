// Package bench runs virtual modules for people who watch them: each one in a
// world of its own, on a goroutine of its own, at a speed that eyes can follow.
//
// A [Bench] holds [Unit]s. A unit is a [emu.Device] whose virtual clock is held
// back to a multiple of the real one, so that a download takes as long as on the
// module, or a tenth of that. What happens is kept for watchers: the last lines
// of the log, the state of every flash sector, how far a download is, which
// firmware runs. [Unit.Since] hands out what is new; a watcher that is slow
// misses lines of the log, and is told how many, but never holds the module up.
//
// Modules speak to one server, in process, over a modelled link. Its clock is
// the real one: a module that runs ten times as fast as time asks ten times as
// often.
//
// # Bounds
//
// Scripts on the bench come from strangers. [Limits] bounds the number of units,
// of all and of one owner, the VM instructions of a boot, the boots and the time
// of a run, and how many events a second a unit may have; a unit that nobody
// watches is switched off after a while. Memory is bounded by the module's own:
// its flash and its Lua heap.
package bench

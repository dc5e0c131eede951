// Package guest runs boot code and update agents that users bring along, as
// WebAssembly modules on wazero, and makes models out of board files.
//
// A guest sees a board through a few host functions (docs/GUESTS.md,
// guests/airlift.h): it reads, programs and erases the board's flash, and
// every program and erase is an operation of flash.Device like any other. Cuts,
// tears, traces, maps and sweeps therefore work on guests without knowing of
// them.
//
// A guest is not trusted. Package meter rewrites it so that it ends by a count
// of steps; memory, calls within calls, the size of the module and of what it
// prints are bounded. When the power is cut, the chip reset or a bound
// reached, the guest is unwound: no instruction of it runs any more. Its verdict
// never depends on time, and never on the host, with one exception: the bits of
// a NaN, which boot code has no use for.
//
// A board file (docs/GUESTS.md) says what a model is made of: flash, partitions,
// times, identity, and which guests are its boot code and its update agent.
// [Family] makes models of the board files that are shipped, [ReadBoard] of a
// user's.
package guest

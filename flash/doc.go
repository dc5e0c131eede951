// Package flash emulates NOR flash chips byte for byte.
//
// A [Device] behaves as the SPI NOR chips on LuatOS modules do. Erasing works
// on sectors (4096 bytes) and sets every bit; programming works on pages (256
// bytes) and only clears bits, so programming a cell twice leaves the AND of
// both values. Nothing else changes a byte.
//
// Every page program and every sector erase is one operation. Before it takes
// effect it is shown to the [Tap] of the board's [Power] supply, which decides
// its [Fate]: let it happen, stop the power before it, after it or in the
// middle of it, ignore it, or have the chip report a failure. Cuts, tears,
// traces, wear statistics, timing and progress maps are all taps; the code
// that uses the flash does not know that they exist.
//
// After a cut every call on every device of the supply returns [ErrPowerLost]
// until [Power.Restore]. What the cells then hold is the truth from which the
// device boots again.
//
// A device is cheap to copy: [Device.Fork] shares all sectors with its parent
// and copies one only when either side changes it. Sectors hang in a two-level
// table, so a fork of an 8 MiB chip copies 32 pointers.
//
// Addresses are byte offsets from the start of the chip, never bus addresses;
// memory-mapped bases belong to the chip families.
package flash

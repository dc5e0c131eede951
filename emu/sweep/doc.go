// Package sweep breaks upgrades systematically. A [Scenario] is run once
// without a fault and its flash operations counted; then every fault point is
// tried, the device booted until it settles, and what it is then is classified
// and held against invariants.
//
// A [Case] is a number: scenario and number decide it, so that cases can be run
// anywhere and in any order, and any of them can be run again with a full
// account of what happened. A [Result] is one line of the results file; a
// [Finding] groups those that went wrong alike.
package sweep

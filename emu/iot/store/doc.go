// Package store keeps the platform in a folder: a SQLite database and the
// uploaded files, which are named by their SHA-256.
//
// # One writer
//
// Everything that changes something runs on one goroutine, in the order of
// arrival: the questions of devices and what people do. The decision about a
// question is made inside of the transaction that records it, so a decision
// never rests on something that is lost later. What waits is put into one
// transaction, each piece within a savepoint of its own, and nobody is answered
// before the commit. A device that was answered is in the upgrade log, and an
// upload that was acknowledged is there, even if the process is killed in the
// next moment.
//
// What is acknowledged to whom: a person or a program that changed something is
// answered when the change has reached the disk, and it survives a loss of
// power. A device is answered when the commit is done, which survives the end of
// the process at any moment; a loss of power may take the log rows and counts of
// the last half second or so along, never the database. The database is in WAL
// mode, and each transaction has synchronous=FULL or NORMAL as what is in it
// needs. Its journal is emptied by a goroutine of its own, so that devices seldom
// wait for the disk. Lists and searches read on connections of their own, and
// neither wait for the writer nor hold it up.
//
// # What a question writes
//
// The platform is as fast as it writes little. A device that tells nothing new
// changes one row: the one that it adds to the upgrade log. When it was last
// online goes into its own row some seconds later, with those of its neighbours;
// after a crash it is read from the log. The log's texts are kept once, and its
// index of devices takes 1024 rows at a time. Requests without identity and those
// that nobody owns are apart from it, and only so many are kept: a flood of them
// pushes out no row of a device.
//
// # Isolation
//
// Everything that belongs to an account is reached through [Store.Tenant], and
// every query there names the account. What belongs to somebody else is
// [iot.ErrNotFound], as if it did not exist.
//
// # When something fails
//
// A full disk is [iot.ErrFull] and a database that another process has locked
// for more than five seconds is [iot.ErrBusy]. Devices then get the answer of
// [iot.ServerError], status 500 without a body, and ask again some day. Nothing
// of a failed transaction stays, and the next one may succeed.
//
// # Caveats
//
// One process at a time should serve a folder. Others may read it, as airlift
// explain does. A file that was uploaded just before a crash may stay without
// being used; it is removed an hour later at the next start.
package store

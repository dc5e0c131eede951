// Package peer has small servers that live in the same process as the modules
// they talk to: echoes, NTP, DNS, an MQTT broker, websockets, FTP and a set of
// web pages for trying out clients. They are made for the modelled network of
// package link: everything happens in virtual time on one goroutine, so a run
// is the same every time.
//
// A [Lab] is all of them at once. It answers every host name, and puts behind
// each well-known port the server that speaks the port's protocol, so that
// projects written for servers on the internet get on without them.
//
// The servers are for modules under test. They refuse what they do not
// understand, bound what they keep, and are no servers for the real network.
package peer

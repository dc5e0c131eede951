// Package link carries HTTP between emulated devices and servers.
//
// A server is a [Handler]: it gets a [Request] with the request line and the
// headers exactly as they came, and returns a [Response] whose headers go out
// in the order given. The codec between the two is our own, because old
// devices depend on bytes, header order, segment borders and closing times
// that general libraries do not promise.
//
// The same handler can be reached in two ways.
//
// In the process: a [Network] maps host names and ports to handlers, and a
// [Link] is one device's connection to it, a lua.Net. Nothing runs
// concurrently. A link has a [Model] of latency, bandwidth and loss; requests
// and answers travel in virtual time, computed in integer nanoseconds and from
// one random stream, so a run is the same everywhere. The handler is called
// synchronously at the moment at which the last byte of the request arrives.
//
// On real sockets: [Serve] mounts a handler on a listener with limits and time
// limits, and [Real] is a lua.Net over the host's network for scripts that talk
// to servers outside. Then the clock has to follow real time; the contract is
// [Source].
//
// # What the model leaves out
//
// Congestion control, receive windows and acknowledgements are not modelled:
// a sender fills the link. A lost segment costs a retransmission time-out and
// is sent again; what follows it waits, as TCP delivers in order. Names are
// looked up at every connection. A Send counts as arrived when its last byte
// has arrived. TLS to a host in the process costs its round trips and encrypts
// nothing: the connection counts as established with the certificate of the
// virtual host, unless the script brings a CA or a client certificate, which
// is refused with [ErrTLS] because there is no certificate that could be
// checked against it.
package link

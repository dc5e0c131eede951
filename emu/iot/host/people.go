package host

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Loopback reports whether a listener is reached from this host only.
func Loopback(addr net.Addr) bool {
	a, err := netip.ParseAddrPort(addr.String())
	return err == nil && a.Addr().Unmap().IsLoopback()
}

// LocalOnly keeps a page of somewhere else from using what is open to this host
// without a password: requests have to name this host as theirs, which a page
// elsewhere cannot make a browser do, and must not come from another origin.
func LocalOnly(h http.Handler) http.Handler {
	protect := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.Host
		if host, _, err := net.SplitHostPort(name); err == nil {
			name = host
		}
		a, err := netip.ParseAddr(strings.Trim(name, "[]"))
		if name != "localhost" && (err != nil || !a.IsLoopback()) {
			http.Error(w, "use 127.0.0.1 or localhost", http.StatusMisdirectedRequest)
			return
		}
		protect.Handler(h).ServeHTTP(w, r)
	})
}

// Package pubkey is the public-key arithmetic behind the libraries rsa, crypto
// and gmssl: RSA with PKCS #1 v1.5, ECDSA, the group of an elliptic curve, and
// the file forms of keys.
//
// It exists because the standard library's packages are made for safety, not
// for repetition: they mix randomness of their own into key generation, refuse
// short keys, and hide the curves' points. Here the same input and the same
// stream of randomness give the same bytes on every platform. It takes no care
// that its running time hides secrets: it runs in an emulator.
package pubkey
